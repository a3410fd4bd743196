//go:build !wasip1

package chhost

import (
	"bytes"
	"strings"
	"testing"
)

// What a callback is handed must not change when the next event overwrites the
// region.
func TestStringsAreCopies(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	region = bytes.Repeat([]byte("x"), 100)
	s := span{addr: base + 10, len: 5}
	copied, name := s.copy(), s.name()
	copy(region, strings.Repeat("y", 100))
	if copied != "xxxxx" || name != "xxxxx" {
		t.Errorf("the copies changed to %q and %q", copied, name)
	}
	if got := s.name(); got != "yyyyy" {
		t.Errorf("the next name is %q, want yyyyy", got)
	}
}

// Names that fall on the same slot replace each other and are never confused.
func TestNamesAreExact(t *testing.T) {
	defer func(old []byte) { region = old }(region)
	for range 2 {
		for _, name := range []string{"ab", "bb", "aab", "rooms:1", "rooms:2", "sooms:1", strings.Repeat("é", 127), "\x00", ""} {
			region = []byte("-" + name)
			if got := (span{addr: base + 1, len: uint32(len(name))}).name(); got != name {
				t.Errorf("name is %q, want %q", got, name)
			}
		}
	}
}

func TestWithoutHost(t *testing.T) {
	Log(LevelDebug, "a line of the log, from where there is no host")
	mustPanic(t, "package chhosttest runs callbacks", func() { hostPush("x", "", 0) })
}
