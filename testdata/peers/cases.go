package main

import (
	"bytes"
	"embed"
	"encoding/binary"
)

// caseFiles are the cases that a .wat says whole, and who wrote it explains.
//
//go:embed cases/*.wasm
var caseFiles embed.FS

// hostile is one case.
type hostile struct {
	name string
	bin  []byte
}

func cases() []hostile {
	list := []hostile{
		{"15 bytes: 2^32 exports", exportBomb()},
		{"41 bytes: 2^32 locals", localsBomb()},
		{"70 KB: loops and locals", compileBomb()},
	}
	for _, file := range []string{"start", "loop", "recursion", "tree", "deep", "table", "fill", "grow", "sleep", "log", "exit", "trap", "steal"} {
		list = append(list, hostile{file, caseFile(file)})
	}
	return list
}

func caseNamed(name string) hostile {
	for _, c := range cases() {
		if c.name == name {
			return c
		}
	}
	panic("there is no case " + name)
}

func caseFile(name string) []byte {
	bin, err := caseFiles.ReadFile("cases/" + name + ".wasm")
	if err != nil {
		panic(err)
	}
	return bin
}

func header() []byte { return []byte("\x00asm\x01\x00\x00\x00") }

// section appends a section.
func section(bin []byte, id byte, body []byte) []byte {
	bin = append(bin, id)
	bin = binary.AppendUvarint(bin, uint64(len(body)))
	return append(bin, body...)
}

const most = 1<<32 - 1

// exportBomb says that it has as many exports as can be said.
func exportBomb() []byte {
	return section(header(), 7, binary.AppendUvarint(nil, most))
}

// localsBomb has a function with as many locals as can be said.
func localsBomb() []byte {
	return withCode(function(append(binary.AppendUvarint([]byte{1}, most), 0x7f), nil))
}

// compileBomb has a function whose loops, one in the other, work on many locals.
func compileBomb() []byte {
	const depth, locals = 500, 10_000
	var body bytes.Buffer
	for n := range depth {
		body.Write([]byte{0x03, 0x40}) // loop
		for m := range 8 {
			at := binary.AppendUvarint(nil, uint64((n*8+m)%locals))
			body.WriteByte(0x20) // local.get
			body.Write(at)
			body.Write([]byte{0x41, 0x01, 0x6a, 0x21}) // i32.const 1, i32.add, local.set
			body.Write(binary.AppendUvarint(nil, uint64((n*8+m+1)%locals)))
		}
	}
	for range depth {
		body.Write([]byte{0x20, 0x00, 0x0d, 0x00, 0x0b}) // local.get 0, br_if 0, end
	}
	return withCode(function(append(binary.AppendUvarint([]byte{1}, locals), 0x7f), body.Bytes()))
}

// function is a body with its locals.
func function(locals, code []byte) []byte {
	body := append(append(bytes.Clone(locals), code...), 0x0b)
	return append(binary.AppendUvarint(nil, uint64(len(body))), body...)
}

// withCode is a module of one function, which it exports as run.
func withCode(body []byte) []byte {
	bin := section(header(), 1, []byte{1, 0x60, 0, 0})
	bin = section(bin, 3, []byte{1, 0})
	bin = section(bin, 7, append([]byte{1, 3}, "run\x00\x00"...))
	return section(bin, 10, append([]byte{1}, body...))
}
