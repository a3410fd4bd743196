package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestScripts runs the command's journeys, which show how it is used and what it
// says when it is used wrongly. They run it as it is shipped: the race detector
// would slow down the compilation of plugins, of which they do much, by ten.
func TestScripts(t *testing.T) {
	root, bin := hosttest.Root(t), t.TempDir()
	command := filepath.Join(bin, "chhost")
	build := exec.Command("go", "build", "-o", command, "./cmd/chhost")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", build, err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("GOCACHE", goEnv(t, "GOCACHE"))
			env.Setenv("GOMODCACHE", goEnv(t, "GOMODCACHE"))
			env.Setenv("GOPROXY", "off") // a plugin builds without a network
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("ROOT", root)
			env.Setenv("XDG_CACHE_HOME", hosttest.CacheDir(t, "compiled"))
			setUpState(t, env, command)
			return nil
		},
		Cmds: scriptCommands(),
	})
}

// takePort listens on a free port until the script ends, and sets the variable
// that its argument names to the address.
func takePort(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

// running is a command that is running in this process.
type running struct {
	out  *bufio.Reader
	code chan int
	errs *strings.Builder

	mu   sync.Mutex
	said strings.Builder // what it wrote after the line with the address
	at   int             // how much of that wait has passed
	more chan struct{}   // holds something when there is more of it
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// start runs the command until the test ends, and then expects the exit code 0.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	c := &running{out: bufio.NewReader(r), code: make(chan int, 1), errs: &strings.Builder{}, more: make(chan struct{}, 1)}
	go func() {
		code := doMain(ctx, nil, append([]string{"chhost"}, args...), strings.NewReader(""), w, c.errs)
		_ = w.Close()
		c.code <- code
	}()
	t.Cleanup(func() {
		cancel()
		_, _ = io.Copy(io.Discard, r)
		if code := <-c.code; code != exitOK {
			t.Errorf("chhost %s: exit code %d\n%s", strings.Join(args, " "), code, c.errs)
		}
	})
	return c
}

var urlForm = regexp.MustCompile(`https?://([^/\s]+)`)

// address waits for the line that says where the command listens.
func (c *running) address(t *testing.T) string {
	t.Helper()
	var seen strings.Builder
	for {
		line, err := c.out.ReadString('\n')
		seen.WriteString(line)
		if m := urlForm.FindStringSubmatch(line); m != nil {
			go func() { _, _ = io.Copy(c, c.out) }()
			return m[1]
		}
		if err != nil {
			t.Fatalf("the command ended without saying where it listens:\n%s", seen.String())
		}
	}
}

// Write notes what the command wrote.
func (c *running) Write(text []byte) (int, error) {
	c.mu.Lock()
	c.said.Write(text)
	c.mu.Unlock()
	select {
	case c.more <- struct{}{}:
	default:
	}
	return len(text), nil
}

// wait waits until the command has written the text, and returns what it wrote
// before it, since the last wait.
func (c *running) wait(t *testing.T, text string) string {
	t.Helper()
	tooLong := time.After(5 * time.Minute) // a build waits for all the others of a test run
	for {
		c.mu.Lock()
		news := c.said.String()[c.at:]
		before, _, found := strings.Cut(news, text)
		if found {
			c.at += len(before) + len(text)
		}
		c.mu.Unlock()
		if found {
			return before
		}
		select {
		case <-c.more:
		case <-tooLong:
			t.Fatalf("the command did not write %q, but:\n%s", text, news)
		}
	}
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	client := http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// joinOn joins a topic of the command's host and returns the joined channel.
func joinOn(t *testing.T, address, topic, params string) *phxclient.Channel {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	client, err := phxclient.Connect(ctx, "ws://"+address+"/socket", phxclient.ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	payload, err := phx.Object([]byte(params))
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := client.Join(ctx, topic, payload)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestDev is the main job: a plugin is built from source and served with its
// page, and a client can join.
func TestDev(t *testing.T) {
	root := hosttest.Root(t)
	c := start(t, "dev", filepath.Join(root, "plugins/chat"), "--addr", "127.0.0.1:0", "--cache", hosttest.CacheDir(t, "compiled"))
	address := c.address(t)
	if status, body := get(t, "http://"+address+"/"); status != http.StatusOK || !strings.Contains(body, "/chhost.js") {
		t.Errorf("the page: status %d, and it should use /chhost.js:\n%s", status, body)
	}
	if status, body := get(t, "http://"+address+"/chhost.js"); status != http.StatusOK || !strings.Contains(body, "phx_join") {
		t.Errorf("/chhost.js: status %d\n%s", status, body)
	}
	joinOn(t, address, "rooms:lobby", `{"user":"Ada"}`)
}

// TestServe serves two routes to one module; a pattern may contain =.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	food := filepath.Join(dir, "food.wasm")
	if err := os.WriteFile(food, hosttest.Guest(t, "plugins/food"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := start(t, "serve", "--route", "a=b:*="+food, "--addr", "127.0.0.1:0", "--route", "foods:*="+food, "--cache", hosttest.CacheDir(t, "compiled"))
	joinOn(t, c.address(t), "foods:all", `{}`)
}

// TestServeTLS serves a certificate that is replaced while it serves.
func TestServeTLS(t *testing.T) {
	dir, until := t.TempDir(), time.Now().Add(time.Hour)
	first, second := hosttest.MakeCertificate(t, 1, until), hosttest.MakeCertificate(t, 2, until)
	cert, key := first.Write(t, dir)
	echo := filepath.Join(hosttest.Root(t), "testdata/guests/served/echo.wasm")
	c := start(t, "serve", "--route", "*="+echo, "--addr", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key, "--cache", hosttest.CacheDir(t, "compiled"))
	address := c.address(t)
	c.wait(t, "clients connect to wss://"+address+"/socket\n")
	connect := func(trusted *x509.CertPool) error {
		client, err := phxclient.Connect(t.Context(), "wss://"+address+"/socket", phxclient.ClientOptions{Options: phxclient.Options{TLS: &tls.Config{RootCAs: trusted}}})
		if err != nil {
			return err
		}
		defer client.Close()
		_, _, err = client.Join(t.Context(), "echo", phx.Payload{})
		return err
	}
	if err := connect(first.Pool); err != nil {
		t.Fatal(err)
	}
	second.Write(t, dir)
	for deadline := time.Now().Add(time.Minute); connect(second.Pool) != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
	}
	if err := connect(first.Pool); err == nil {
		t.Error("the old certificate is still served")
	}
}
