// Package abi is the contract between host and guest: names, signatures,
// numbers, and nothing else.
//
// It is the one table from which everything else that knows the contract is
// made: the host's import module, the checks at upload, ABI.md (the normative
// text for authors of guests), guest-sdk/c/chhost.h, the constants of the Go
// SDK, and testdata/v1.txt, a plain listing in which every change of the
// contract shows as a changed line.
//
// # How the table grows
//
// A new import, export, callback, constant or field is a new row: an identifier
// in constants.go, an entry in the function that lists its kind (Exports,
// Imports, Row, Fields, ConnectKeys, Groups, ConfigKeys, WASI, AssemblyScript),
// and then
//
//	go generate ./abi
//
// Numbers are never reused and never change their meaning. While Draft is true
// a row may still be corrected; afterwards rows are only appended.
//
// Everything here is a constant, or is computed afresh by the function that
// returns it, so callers own what they get and all functions may be called
// concurrently.
package abi

//go:generate go run ./gen
