;; A component that holds nothing.
(component)
