module github.com/chhost/chhost/guest-sdk/go

go 1.24
