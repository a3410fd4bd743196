package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The command hosting FILE COMMANDS [HEADING] does what a Markdown file, or the part of it
// below a heading, tells an operator to do: it runs every line of its blocks in sh, one
// after the other, and writes those in toml that begin with the name of a file. chhost
// serve runs until the next one, or the end. Ports are free ones, in place of those that
// the file speaks of. There have to be as many commands, at least.
func hosting(ts *testscript.TestScript, _ bool, args []string) {
	dir, commands, text := ts.MkAbs("."), 0, ts.ReadFile(args[0])
	if len(args) > 2 {
		_, text, _ = strings.Cut(text, "\n## "+args[2]+"\n")
		text, _, _ = strings.Cut(text, "\n## ")
	}
	server := &hostingServer{at: strings.NewReplacer()}
	ts.Defer(func() { server.stop(ts) })
	for _, block := range fenced(text) {
		if name, ok := strings.CutPrefix(block.lines[0], "# "); ok && block.language == "toml" {
			ts.Check(os.WriteFile(filepath.Join(dir, name), []byte(strings.Join(block.lines, "\n")+"\n"), 0o600))
		}
		if block.language != "sh" {
			continue
		}
		for _, line := range block.lines {
			commands++
			ts.Logf("$ %s", line)
			if serves.MatchString(line) {
				server.stop(ts)
				server.start(ts, dir, line)
				continue
			}
			p := begin(ts, dir, server.variables, "sh", "-c", "set -e\n"+server.at.Replace(line))
			err := p.cmd.Wait()
			ts.Logf("%s", p)
			ts.Check(err)
		}
	}
	server.stop(ts)
	if least, err := strconv.Atoi(args[1]); err != nil || commands < least {
		ts.Fatalf("%s shows %d commands, and not %s", args[0], commands, args[1])
	}
}

// hostingServer is the host that a file has started.
type hostingServer struct {
	running *process
	at      *strings.Replacer // of the addresses that the file speaks of
	// variables are those of commands that talk to it.
	variables []string
}

func (s *hostingServer) start(ts *testscript.TestScript, dir, line string) {
	line, _, _ = strings.Cut(line, " #")
	begun, flags := lasting(line)
	s.running = begin(ts, dir, nil, "sh", "-c", "exec "+line+flags)
	if !strings.Contains(line, "--data ") {
		s.running.wait(ts, begun)
		return
	}
	clients := s.running.wait(ts, `listening on http://(\S+)$`)[1]
	admin := s.running.wait(ts, `the admin API is at (http://\S+)$`)[1]
	s.variables = []string{"CHHOST_SERVER=" + admin}
	s.at = strings.NewReplacer("localhost:4000", clients, "http://127.0.0.1:4001", admin)
}

func (s *hostingServer) stop(ts *testscript.TestScript) {
	if s.running != nil {
		s.running.end(ts)
	}
	s.running = nil
}

// block is a fenced block of a Markdown file.
type block struct {
	language string
	lines    []string
}

// fenced lists the blocks of a Markdown file that are not empty.
func fenced(text string) []block {
	var blocks []block
	for i, part := range strings.Split("\n"+text, "\n```") {
		language, rest, _ := strings.Cut(part, "\n")
		if i%2 == 1 && strings.TrimSpace(rest) != "" {
			blocks = append(blocks, block{language, strings.Split(strings.TrimSpace(rest), "\n")})
		}
	}
	return blocks
}

// Every command that a document names in passing is there, and every file that it links
// to.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	for name, least := range map[string]int{"HOSTING.md": 5, "README.md": 5, "SECURITY.md": 2, "CONTRIBUTING.md": 0, "ARCHITECTURE.md": 1} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		named := 0
		for _, m := range regexp.MustCompile("`chhost ([^`]+)`").FindAllStringSubmatch(string(text), -1) {
			named++
			if _, err := arrange(newApp(nil, nil, nil, nil), append([]string{"chhost"}, strings.Fields(m[1])...)); err != nil {
				t.Errorf("%s says %s: %v", name, m[0], err)
			}
		}
		if named < least {
			t.Errorf("%s names %d commands", name, named)
		}
		for _, m := range regexp.MustCompile(`\]\(([^)#:]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if _, err := os.Stat(filepath.Join("..", "..", m[1])); err != nil {
				t.Errorf("%s links to %s: %v", name, m[1], err)
			}
		}
	}
}
