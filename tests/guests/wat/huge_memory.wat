;; A component that exports nothing and wants 4 GiB of memory to start.
(component
  (core module $huge (memory 65536))
  (core instance (instantiate $huge)))
