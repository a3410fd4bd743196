package main

import (
	"bufio"
	"debug/elf"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/cmd/chhost/internal/config"
	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest"
)

// directives reads a unit, by "Section.Name".
func directives(t *testing.T, file string) map[string][]string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	found, section := make(map[string][]string), ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		switch name, value, assigned := strings.Cut(line, "="); {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		case assigned:
			found[section+"."+name] = append(found[section+"."+name], value)
		default:
			t.Errorf("%s: %q is no directive", file, line)
		}
	}
	return found
}

// The unit gives a host the time that it takes to start and to stop, and forbids
// nothing that it needs.
func TestUnit(t *testing.T) {
	unit := directives(t, "dist/chhost.service")
	one := func(name string) string {
		if len(unit[name]) != 1 {
			t.Errorf("%s is there %d times", name, len(unit[name]))
			return ""
		}
		return unit[name][0]
	}
	if one("Service.Type") != "notify" || one("Service.WatchdogSec") == "" {
		t.Error("chhost tells systemd how it is doing")
	}
	stop, err := time.ParseDuration(one("Service.TimeoutStopSec"))
	if err != nil || stop <= host.DefaultGrace {
		t.Errorf("TimeoutStopSec=%v, and a shutdown may take %v; %v", stop, host.DefaultGrace, err)
	}
	if len(unit["Service.MemoryDenyWriteExecute"]) > 0 {
		t.Error("plugins are machine code that was written")
	}
	for _, name := range []string{"Service.ExecStart", "Service.ExecStartPre"} {
		words := strings.Fields(one(name))
		if _, err := arrange(newApp(nil, strings.NewReader(""), nil, nil), append([]string{"chhost"}, words[1:]...)); err != nil {
			t.Errorf("%s=%q: %v", name, words, err)
		}
	}
}

// systemd itself knows every directive.
func TestUnitIsVerified(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	switch {
	case err != nil && runtime.GOOS == "linux" && os.Getenv("CI") == "true":
		t.Fatal("systemd-analyze is missing, and CI=true skips nothing")
	case err != nil:
		t.Skip("systemd-analyze is missing")
	}
	text, err := os.ReadFile("dist/chhost.service")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable() // what is to be started has to be there
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "chhost.service")
	if err := os.WriteFile(unit, []byte(strings.ReplaceAll(string(text), "/usr/local/bin/chhost", self)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput()
	if err != nil || strings.Contains(string(out), unit) {
		t.Errorf("%v\n%s", err, out)
	}
}

// dockerfile reads the instructions of the image, in order.
func dockerfile(t *testing.T) [][]string {
	t.Helper()
	text, err := os.ReadFile("dist/Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	var instructions [][]string
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 0 && words[0][0] != '#' {
			instructions = append(instructions, words)
		}
	}
	return instructions
}

// What the Dockerfile builds needs nothing that an empty image does not have, and what
// it runs, commands and variables, exists.
func TestDockerfile(t *testing.T) {
	var build []string
	commands, last := 0, ""
	quoted := regexp.MustCompile(`"([^"]*)"`)
	for _, words := range dockerfile(t) {
		line := strings.Join(words, " ")
		switch words[0] {
		case "FROM":
			last = words[1]
		case "RUN":
			if i := slices.Index(words, "build"); i > 0 && words[i-1] == "go" {
				build = words[1:]
			}
		case "USER":
			if strings.HasPrefix(words[1], "0") || strings.HasPrefix(words[1], "root") {
				t.Error("it runs as root")
			}
		case "ENV":
			if values, err := config.Serve().Environment(words[1:]); err != nil || len(values) != len(words)-1 {
				t.Errorf("%s: %v, %v", line, values, err)
			}
		case "CMD", "HEALTHCHECK":
			args := []string{"chhost"}
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				if m[1] != "/chhost" {
					args = append(args, m[1])
				}
			}
			if _, err := arrange(newApp(nil, strings.NewReader(""), nil, nil), args); err != nil || len(args) < 3 {
				t.Errorf("%s: %v", line, err)
			}
			commands++
		}
	}
	if last != "scratch" || commands != 2 || build == nil {
		t.Fatalf("the image is made from %s, has %d commands and is built by %q", last, commands, build)
	}
	if runtime.GOOS != "linux" {
		return // the build would be another system's
	}
	made := filepath.Join(t.TempDir(), "chhost")
	for i, word := range build {
		switch word {
		case "/out/chhost":
			build[i] = made
		case "-trimpath": // which would build all packages anew, and changes no more than their names
			build[i] = ""
		}
	}
	cmd := exec.Command("sh", "-c", strings.Join(build, " "))
	cmd.Dir = hosttest.Root(t)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", build, err, out)
	}
	binary, err := elf.Open(made)
	if err != nil {
		t.Fatal(err)
	}
	defer binary.Close()
	for _, p := range binary.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("it is not static: it has %v", p.Type)
		}
	}
}

func TestHealth(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz":
		case "/moved":
			http.Redirect(w, r, "/healthz", http.StatusFound)
		case "/slow":
			<-r.Context().Done()
		default:
			http.Error(w, "the host is stopping", http.StatusServiceUnavailable)
		}
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	gone := httptest.NewServer(handler)
	gone.Close()
	defer plain.Close()
	defer secure.Close()
	for _, tc := range []struct {
		args string
		code int
		says string
	}{
		{plain.URL, exitOK, ""},
		{plain.URL + "/healthz", exitOK, ""},
		{secure.URL, exitOK, ""},
		{plain.URL + "/readyz", exitFailed, "503 Service Unavailable: the host is stopping"},
		{plain.URL + "/moved", exitFailed, "302"},
		{plain.URL + "/slow --timeout 50ms", exitFailed, "has not answered within 50ms"},
		{gone.URL, exitFailed, "refused"},
		{"127.0.0.1:4000", exitUsage, "is no URL"},
		{"ftp://a", exitUsage, "is no URL"},
		{"", exitUsage, "health needs the URL of a host"},
	} {
		var errs strings.Builder
		args := append([]string{"chhost", "health"}, strings.Fields(tc.args)...)
		if code := doMain(t.Context(), nil, args, strings.NewReader(""), &errs, &errs); code != tc.code || !strings.Contains(errs.String(), tc.says) {
			t.Errorf("health %s: %d, %q; want %d, %q", tc.args, code, errs.String(), tc.code, tc.says)
		}
	}
}
