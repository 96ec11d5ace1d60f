module sandpiper-sdk

go 1.24
