package author

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host"
)

// conversationsDir is where a plugin's conversations are, in its directory.
const conversationsDir = "conversations"

// Conversations are the files of dialogues beside a plugin.
type Conversations struct {
	scripts []*script
	only    *regexp.Regexp
}

// FindConversations reads the conversations beside the plugin that path names,
// see [Load]. Of their dialogues only those whose titles match only are played;
// nil matches all. The error lists all that is wrong with the files; if there
// is nothing to play it says how to write it.
func FindConversations(path string, only *regexp.Regexp) (*Conversations, error) {
	dir := path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	} else if err != nil {
		return nil, fmt.Errorf("there is no file or directory %s", path)
	}
	pattern := filepath.Join(dir, conversationsDir, "*.txt")
	entries, err := os.ReadDir(filepath.Dir(pattern))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	c := &Conversations{only: only}
	var faults []error
	for _, e := range entries {
		if e.IsDir() || filepath.Ext(e.Name()) != ".txt" {
			continue
		}
		s, err := parseScript(filepath.Join(filepath.Dir(pattern), e.Name()))
		if err != nil {
			faults = append(faults, err)
			continue
		}
		c.scripts = append(c.scripts, s)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	switch {
	case len(c.scripts) == 0:
		return nil, fmt.Errorf("there is no conversation to play: they are expected in %s. %s", pattern, howToWrite)
	case !slices.ContainsFunc(c.scripts, func(s *script) bool { return slices.ContainsFunc(s.titles(), c.plays) }):
		return nil, fmt.Errorf("no title of a dialogue in %s matches %s", pattern, only)
	}
	return c, nil
}

// howToWrite is what somebody wants to know who has no conversation yet.
const howToWrite = `One looks like this:

== a client is let in
a> ["1","1","rooms:lobby","phx_join",{"name":"Ada"}]
a< ["1","1","rooms:lobby","phx_reply",{"status":"ok","response":{}}]

"==" begins a dialogue; a and b are clients, > is what one sends and < what it has to receive next,
as frames [join_ref, ref, topic, event, payload]. "chhost new" makes a plugin that has some.`

func (c *Conversations) plays(title string) bool { return c.only == nil || c.only.MatchString(title) }

// Result is what became of one dialogue in one version of the protocol.
type Result struct {
	File     string        `json:"file"`
	Title    string        `json:"title"`
	Version  string        `json:"version"`
	OK       bool          `json:"ok"`
	Failure  string        `json:"failure,omitempty"` // begins with file and line
	Log      string        `json:"log,omitempty"`     // the last lines of host and plugin, of a dialogue that failed
	Duration time.Duration `json:"-"`
}

// Player plays conversations.
type Player struct {
	// Settings are what the plugin reads by config_get.
	Settings map[string]string
	// Limits are what the plugin is held to.
	Limits host.PluginLimits
	// CacheDir is [host.Config.CacheDir]. Default: one that is gone afterwards.
	CacheDir string
	// Compiler is [host.Config.Compiler].
	Compiler *host.Compiler
	// Patience is how long a frame may take to arrive. Default 20 s.
	Patience time.Duration
	// Log receives what host and plugin log while a dialogue is played. Default
	// none.
	Log io.Writer
	// Played is called with the results of each dialogue, one for each version of
	// the protocol.
	Played func([]Result)
}

// Play plays the dialogues, each against a host of its own, so that none hears
// of another's clients. It returns how many there were and how many failed. The
// error is that of the module, of the files' routes, or ctx's.
func (p *Player) Play(ctx context.Context, c *Conversations, m *Module) (played, failed int, err error) {
	cacheDir := p.CacheDir
	if cacheDir == "" { // or the module is compiled for each dialogue
		if cacheDir, err = os.MkdirTemp("", "chhost-test-"); err != nil {
			return 0, 0, err
		}
		defer os.RemoveAll(cacheDir)
	}
	plugin := &host.Plugin{Name: m.Name, Module: m.Binary, Settings: p.Settings, Limits: p.Limits, Rotate: true} // as in dev: what it keeps in variables is found out
	for _, s := range c.scripts {
		routes, err := s.routes(plugin)
		if err != nil {
			return played, failed, err
		}
		for i, title := range s.titles() {
			if !c.plays(title) {
				continue
			}
			results, err := p.dialogue(ctx, s, i, host.Config{
				Routes: routes, CacheDir: cacheDir, Compiler: p.Compiler,
				Connect: plugin, ConnectOptional: true, // as in dev
			})
			if err != nil {
				return played, failed, m.refused(err)
			}
			played++
			if slices.ContainsFunc(results, func(r Result) bool { return !r.OK }) {
				failed++
			}
			p.Played(results)
		}
	}
	return played, failed, nil
}

// dialogue plays one dialogue in every version of the protocol that it says
// something about.
func (p *Player) dialogue(ctx context.Context, s *script, i int, cfg host.Config) ([]Result, error) {
	var results []Result
	for _, version := range versions() {
		if !s.in(i, version) {
			continue
		}
		kept := &tail{}
		cfg.Logger = newLog(io.MultiWriter(kept, p.log()))
		performance, err := s.prepare(i, version, &cfg)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		failure, err := against(ctx, cfg, func(h *host.Host, url string) error { return performance.play(ctx, h, url, p.Patience) })
		if err == nil && ctx.Err() != nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, err
		}
		r := Result{File: s.path, Title: s.titles()[i], Version: version, OK: failure == nil, Duration: time.Since(began)}
		if failure != nil {
			r.Failure, r.Log = failure.Error(), kept.String()
		}
		results = append(results, r)
	}
	return results, nil
}

func (p *Player) log() io.Writer {
	if p.Log == nil {
		return io.Discard
	}
	return p.Log
}

// against runs a host on a free port of the loopback interface while play plays
// against it, and returns play's error and the host's.
func against(ctx context.Context, cfg host.Config, play func(h *host.Host, url string) error) (failure, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	cfg.Listener = l
	h, err := host.New(cfg)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- h.Run(running) }()
	failure = play(h, "ws://"+l.Addr().String()+host.DefaultMount)
	stop() // and not Shutdown, which would find a host that is not running yet if play has ended at once
	return failure, <-ended
}

// tail keeps the last lines that were written. It is safe for concurrent use.
type tail struct {
	mu    sync.Mutex
	lines [][]byte
}

const maxTail = 100

func (t *tail) Write(line []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.lines) == maxTail {
		t.lines = t.lines[1:]
	}
	t.lines = append(t.lines, bytes.Clone(line))
	return len(line), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.Join(t.lines, nil))
}

// WriteResults writes what became of one dialogue for people: a line if all is
// well, else what was wrong, for each version of the protocol. With verbose it
// tells of each version in any case.
func WriteResults(w io.Writer, results []Result, verbose bool) error {
	failed := func(r Result) bool { return !r.OK }
	var b strings.Builder
	if !verbose && !slices.ContainsFunc(results, failed) {
		fmt.Fprintf(&b, "ok    %s: %s\n", results[0].File, results[0].Title)
		results = nil
	}
	for _, r := range results {
		switch {
		case failed(r):
			fmt.Fprintf(&b, "FAIL  %s: %s (%s)\n%s", r.File, r.Title, r.Version, indent(r.Failure))
			if r.Log != "" {
				fmt.Fprintf(&b, "%s%s", indent("the log:"), indent(r.Log))
			}
		case verbose:
			fmt.Fprintf(&b, "ok    %s: %s (%s, %v)\n", r.File, r.Title, r.Version, r.Duration.Round(time.Millisecond))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func indent(text string) string {
	return "      " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n      ") + "\n"
}
