module language-http-cases

go 1.24

require sandpiper-sdk v0.1.0
