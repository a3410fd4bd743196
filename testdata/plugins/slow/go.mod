module github.com/chhost/chhost/testdata/plugins/slow

go 1.24

require github.com/chhost/chhost/guest-sdk/go v0.0.0

replace github.com/chhost/chhost/guest-sdk/go => ../../../guest-sdk/go
