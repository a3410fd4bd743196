//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

// Whoever logs in at a terminal types the token where nobody sees it, and only the
// file of contexts has it afterwards.
func TestLoginAtATerminal(t *testing.T) {
	file := clean(t)
	url, s := fakeHost(t, answers(`{"name":"operator","operator":true}`))
	command := filepath.Join(t.TempDir(), "chhost")
	build := exec.Command("go", "build", "-o", command, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const secret = "cho_what-nobody-is-to-see-on-a-screen"
	at := atTerminal(t, command, t.TempDir(), "login", "here", "--server", url)
	at.types(t, "", "token: ")
	if !at.edits(t) {
		t.Error("the terminal shows what is typed")
	}
	at.types(t, secret+"\r", `as the operator; the context "here" is the current one`)
	if code := at.ends(t); code != exitOK {
		t.Errorf("the exit code is %d", code)
	}
	if bytes.Contains(at.screen, []byte(secret)) {
		t.Errorf("the screen shows the token: %q", at.screen)
	}
	if len(s.tokens) != 1 || s.tokens[0] != "Bearer "+secret {
		t.Errorf("the host was sent %q", s.tokens)
	}
	all, err := remote.ReadContexts(file)
	if err != nil || all.Current != "here" || all.Contexts["here"].Token != secret {
		t.Errorf("%d contexts, the current one is %q: %v", len(all.Contexts), all.Current, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
}
