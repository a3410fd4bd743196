package wasm

import (
	"bytes"
	"encoding/binary"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// pretend makes this process what a test has started it as, see [pretending].
func pretend() {
	CompilerMain()
	if name, ok := strings.CutPrefix(os.Args[0], pretended); ok {
		childExit(pretenders()[name](os.Args[1:]))
	}
}

const pretended = "pretended-compiler-"

// pretending is a compiler whose children are one of the [pretenders].
func pretending(name string) *Compiler {
	if pretenders()[name] == nil {
		panic("no pretender " + name)
	}
	return &Compiler{path: executable(), name: pretended + name}
}

// pretenders are children that do something else than they are to do; they return
// their exit codes.
func pretenders() map[string]func(args []string) int {
	// A child that does its work, and then something to what it has made.
	damaging := func(damage func(path string, code []byte) error) func([]string) int {
		return func(args []string) int {
			if code := compilerChild(args, os.Stdin, os.Stdout); code != childDone {
				return code
			}
			path, err := soleEntry(".")
			if err != nil {
				return childFailed
			}
			code, err := os.ReadFile(path)
			if err != nil || damage(path, code) != nil {
				return childFailed
			}
			return childDone
		}
	}
	writing := func(change func(code []byte) []byte) func([]string) int {
		return damaging(func(path string, code []byte) error { return os.WriteFile(path, change(code), 0o600) })
	}
	functions := func(code []byte) int { return len("WAZEVO") + 1 + int(code[len("WAZEVO")]) }
	children := map[string]func([]string) int{
		"idler": func([]string) int { return childDone },
		"crasher": func([]string) int {
			line := bytes.Repeat([]byte("\x1b[31mgarbage\x00\xff\n"), 100)
			for range 10_000 {
				_, _ = os.Stderr.Write(line)
				_, _ = os.Stdout.Write(line)
			}
			panic("the child crashes")
		},
		"refuser": func([]string) int {
			_, _ = os.Stdout.WriteString("no\x1b[31m\nway")
			return childRefused
		},
		"failure": func([]string) int { return childFailed },
		"waiter": func([]string) int {
			_ = os.WriteFile("waiting", nil, 0o600)
			time.Sleep(time.Hour)
			return childRefused
		},
		"meeter": func([]string) int {
			_ = os.WriteFile("waiting", nil, 0o600)
			for met := 0; met < 2; time.Sleep(time.Millisecond) {
				paths, _ := filepath.Glob(filepath.Join("..", privatePrefix+"*", "waiting"))
				met = len(paths)
			}
			_, _ = os.Stdout.WriteString("met")
			time.Sleep(time.Hour)
			return childRefused
		},
		"empty":   writing(func([]byte) []byte { return nil }),
		"garbage": writing(func([]byte) []byte { return bytes.Repeat([]byte("garbage"), 100) }),
		"half":    writing(func(code []byte) []byte { return code[:len(code)/2] }),
		"shorter": writing(func(code []byte) []byte { return code[:len(code)-1] }),
		"longer":  writing(func(code []byte) []byte { return append(code, 0) }),
		"flipper": writing(func(code []byte) []byte { code[len(code)/2] ^= 1; return code }),
		"counter": writing(func(code []byte) []byte {
			binary.LittleEndian.PutUint32(code[functions(code):], 0xffffffff)
			return code
		}),
		"jumper": writing(func(code []byte) []byte {
			binary.LittleEndian.PutUint64(code[functions(code)+4:], 1<<40)
			return code
		}),
		"grower": writing(func(code []byte) []byte {
			n := int(binary.LittleEndian.Uint32(code[functions(code):]))
			binary.LittleEndian.PutUint64(code[functions(code)+4+8*n:], 1<<60)
			return code
		}),
		"thrower": writing(func(code []byte) []byte {
			binary.LittleEndian.PutUint32(code[len(code)-4:], 0xffffffff)
			return code
		}),
		"remover":   damaging(func(path string, _ []byte) error { return os.Remove(path) }),
		"collector": damaging(func(path string, _ []byte) error { return os.WriteFile(path+"2", nil, 0o600) }),
		"renamer": damaging(func(path string, _ []byte) error {
			return os.Rename(path, filepath.Join(filepath.Dir(path), strings.Repeat("0", 64)))
		}),
		"exhausted": func([]string) int {
			_, _ = os.Stderr.WriteString("fatal error: runtime: out of memory\n")
			return 2
		},
	}
	maps.Copy(children, confined())
	return children
}
