package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// scriptCommands are the scripts' own commands:
//
//	chhost ARGS...            runs the command
//	eventually chhost ARGS... runs the command again and again until it succeeds
//	certificate DIR SERIAL    makes a certificate for localhost that signs itself, DIR/cert.pem with DIR/key.pem
//	take-port VAR             listens on a free port until the script's end; the variable gets the address
//	background [NAME=VALUE...] ARGS... runs chhost ARGS, with these variables, until interrupt, or the script's end
//	wait-line REGEXP [VAR...] waits for a line of its output, behind the last one that was waited for; the variables get the submatches
//	capture REGEXP VAR...     sets variables to the submatches of what the last command wrote
//	interrupt                 interrupts it, and expects exit code 0
//	crash                     kills it, as the system does when it has no memory left
//	get URL                   writes a page to the standard output
//	status URL CODE [NAME:VALUE...] expects the code for a request with these header fields; ws://... is a WebSocket's handshake
//	join ADDRESS TOPIC JSON   joins a topic of a host, as a client that stays until the script's end; ADDRESS may have a path, else it is /socket
//	push EVENT JSON           pushes an event on it, and writes the reply to the standard output
//	edit FILE OLD NEW         replaces a text in a file, wherever it stands there
//	transcript FILE ARGS...   types FILE into chhost console ARGS and compares the answers, see [transcript]
//	hosting FILE N [HEADING]  does what a Markdown file tells an operator to do, see [hosting]
//	example NAME N            does the Nth example in the help of chhost NAME, see [example]
//	every-example [WHICH...]  expects that all were done, but for those named here
//	walkthrough FILE          runs every command that a Markdown file shows, in the file's directory
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"chhost":      chhost,
		"eventually":  eventually,
		"certificate": certificate,
		"take-port":   takePort,
		"background":  background,
		"wait-line":   waitForLine,
		"capture":     capture,
		"interrupt":   interrupt,
		"crash":       crash,
		"get":         getPage,
		"status":      expectStatus,
		"join":        joinTopic,
		"push":        pushEvent,
		"edit":        edit,
		"transcript":  transcript,
		"walkthrough": walkthrough,
		"hosting":     hosting,
		"example":     example, "every-example": everyExample,
	}
}

// patience is how long something may take that happens at once on an idle
// machine: a build waits for all the others of a test run.
const patience = 5 * time.Minute

// state is what a script's commands have made.
type state struct {
	test    testing.TB // that runs all scripts
	command string     // where the command is
	vars    []string   // the names of the script's environment variables
	running *process
	client  *phxclient.Client
	channel *phxclient.Channel
	// examples are those that were done, as "new 1".
	examples map[string]bool
}

type stateKey struct{}

func stateOf(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

func setUpState(t testing.TB, env *testscript.Env, command string) {
	s := &state{test: t, command: command}
	for _, v := range env.Vars {
		name, _, _ := strings.Cut(v, "=")
		s.vars = append(s.vars, name)
	}
	env.Values[stateKey{}] = s
	env.Defer(func() {
		if s.client != nil {
			s.client.Close()
		}
		if s.running != nil {
			_, _ = s.running.stop()
		}
	})
}

// process is a command that runs in the background.
type process struct {
	cmd     *exec.Cmd
	mu      sync.Mutex
	output  []byte
	waited  int // up to here the output has been waited for
	changed chan struct{}
}

// Write implements [io.Writer] for the process's output.
func (p *process) Write(data []byte) (int, error) {
	p.mu.Lock()
	p.output = append(p.output, data...)
	p.mu.Unlock()
	select {
	case p.changed <- struct{}{}:
	default:
	}
	return len(data), nil
}

// next returns the submatches of the next complete line that matches.
func (p *process) next(line *regexp.Regexp) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for at := p.waited; ; {
		n := bytes.IndexByte(p.output[at:], '\n')
		if n < 0 {
			return nil
		}
		text := string(p.output[at : at+n])
		at += n + 1
		if m := line.FindStringSubmatch(text); m != nil {
			p.waited = at
			return m
		}
	}
}

func (p *process) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.output)
}

// stop interrupts the process and waits for its end.
func (p *process) stop() (output string, err error) {
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		return p.String(), err
	}
	kill := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	err = p.cmd.Wait()
	return p.String(), err
}

// begin starts a process in a directory of the script, with its environment and
// these variables.
func begin(ts *testscript.TestScript, dir string, variables []string, name string, args ...string) *process {
	p := &process{cmd: exec.Command(name, args...), changed: make(chan struct{}, 1)}
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, p, p
	p.cmd.Env = append(environ(ts), variables...)
	ts.Check(p.cmd.Start())
	return p
}

func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range stateOf(ts).vars {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func chhost(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec(stateOf(ts).command, args...)
	switch {
	case err != nil && !neg:
		ts.Fatalf("chhost failed: %v", err)
	case err == nil && neg:
		ts.Fatalf("chhost did not fail")
	}
}

func eventually(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		err := ts.Exec(stateOf(ts).command, args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("chhost fails still after %v: %v", patience, err)
		}
	}
}

func certificate(ts *testscript.TestScript, _ bool, args []string) {
	serial, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o700))
	test := stateOf(ts).test
	hosttest.MakeCertificate(test, serial, time.Now().Add(time.Hour)).Write(test, dir)
}

var variable = regexp.MustCompile(`^[A-Z_]+=`)

func background(ts *testscript.TestScript, _ bool, args []string) {
	s := stateOf(ts)
	if s.running != nil {
		ts.Fatalf("a command is running already: interrupt it first")
	}
	var variables []string
	for ; len(args) > 0 && variable.MatchString(args[0]); args = args[1:] {
		variables = append(variables, args[0])
	}
	s.running = begin(ts, ts.MkAbs("."), variables, s.command, args...)
}

func waitForLine(ts *testscript.TestScript, _ bool, args []string) {
	for i, value := range stateOf(ts).running.wait(ts, args[0])[1:] {
		ts.Setenv(args[1+i], value)
	}
}

// capture sets variables to the submatches of what the last command wrote.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	form, err := regexp.Compile(args[0])
	ts.Check(err)
	found := form.FindStringSubmatch(ts.ReadFile("stdout"))
	if found == nil {
		ts.Fatalf("there is no %s", args[0])
	}
	for i, value := range found[1:] {
		ts.Setenv(args[1+i], value)
	}
}

// wait waits for a line that matches and returns the submatches.
func (p *process) wait(ts *testscript.TestScript, line string) []string {
	form, err := regexp.Compile(line)
	ts.Check(err)
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		if m := p.next(form); m != nil {
			return m
		}
		select {
		case <-p.changed:
		case <-deadline.C:
			ts.Fatalf("no line matches %s within %v; the output is\n%s", line, patience, p)
		}
	}
}

func interrupt(ts *testscript.TestScript, _ bool, _ []string) {
	s := stateOf(ts)
	p := s.running
	s.running = nil
	p.end(ts)
}

func crash(ts *testscript.TestScript, _ bool, _ []string) {
	s := stateOf(ts)
	p := s.running
	s.running = nil
	ts.Check(p.cmd.Process.Kill())
	_ = p.cmd.Wait() // it says that it was killed
}

// end stops the process and expects that it ends well.
func (p *process) end(ts *testscript.TestScript) {
	if output, err := p.stop(); err != nil {
		ts.Fatalf("%s: %v; the output was\n%s", p.cmd, err, output)
	}
}

func getPage(ts *testscript.TestScript, _ bool, args []string) {
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode != http.StatusOK {
		ts.Fatalf("%s: %s\n%s", args[0], resp.Status, body)
	}
	_, err = ts.Stdout().Write(body)
	ts.Check(err)
}

func expectStatus(ts *testscript.TestScript, _ bool, args []string) {
	url, handshake := strings.CutPrefix(args[0], "ws://")
	if handshake {
		url = "http://" + url
	}
	r, err := http.NewRequest(http.MethodGet, url, nil)
	ts.Check(err)
	if handshake {
		r.Header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}}
	}
	for _, field := range args[2:] {
		name, value, _ := strings.Cut(field, ":")
		if name == "Host" {
			r.Host = value
		}
		r.Header.Add(name, value)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	ts.Check(err)
	defer resp.Body.Close()
	if want := args[1]; fmt.Sprint(resp.StatusCode) != want {
		ts.Fatalf("%s: status %d, want %s", args[0], resp.StatusCode, want)
	}
	if !handshake {
		_, err = io.Copy(ts.Stdout(), resp.Body)
		ts.Check(err)
	}
}

func joinTopic(ts *testscript.TestScript, _ bool, args []string) {
	s := stateOf(ts)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if s.client != nil {
		s.client.Close()
	}
	var err error
	address := args[0]
	if !strings.Contains(address, "/") {
		address += "/socket"
	}
	s.client, err = phxclient.Connect(ctx, "ws://"+address, phxclient.ClientOptions{})
	ts.Check(err)
	s.channel, _, err = s.client.Join(ctx, args[1], object(ts, args[2]))
	ts.Check(err)
}

func pushEvent(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	reply, err := stateOf(ts).channel.Push(ctx, args[0], object(ts, args[1]))
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%s %s\n", reply.Status, reply.Payload.Data())
}

func object(ts *testscript.TestScript, text string) phx.Payload {
	payload, err := phx.Object([]byte(text))
	ts.Check(err)
	return payload
}

func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not contain %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o666))
}

// serves matches the commands that go on until they are interrupted.
var serves = regexp.MustCompile(`^chhost (dev|serve) `)

func walkthrough(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	dir := filepath.Dir(ts.MkAbs(args[0]))
	commands := 0
	for i, block := range strings.Split(text, "\n```") {
		if i%2 == 0 {
			continue // prose
		}
		for _, line := range strings.Split(strings.TrimSpace(block), "\n") {
			commands++
			ts.Logf("%s", line)
			if serves.MatchString(line) {
				p := begin(ts, dir, nil, "sh", "-c", "exec "+line+" --addr 127.0.0.1:0")
				p.wait(ts, `http://`)
				p.end(ts)
				continue
			}
			p := begin(ts, dir, nil, "sh", "-c", line)
			err := p.cmd.Wait()
			ts.Logf("%s", p)
			ts.Check(err)
		}
	}
	if commands == 0 {
		ts.Fatalf("%s shows no command", args[0])
	}
}
