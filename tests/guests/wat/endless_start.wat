;; A component that exports nothing and never ends its start.
(component
  (core module $endless
    (func $start (loop (br 0)))
    (start $start))
  (core instance (instantiate $endless)))
