package author

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/hosttest/conversation"
)

// This file is all that knows the notation of conversations.

// script is a file of dialogues.
type script struct {
	path string
	file *conversation.File
}

// versions are the versions of the protocol that a dialogue is played in.
func versions() []string { return conversation.Versions() }

// parseScript reads a file. The error begins with the place of the fault.
func parseScript(path string) (*script, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	file, err := conversation.Parse(f)
	if err != nil {
		return nil, errors.New(place(path, err))
	}
	if file.Nodes > 1 {
		return nil, fmt.Errorf("%s: nodes %d: here a conversation is played on one node; what is between nodes belongs to the host, and its tests play several", path, file.Nodes)
	}
	return &script{path, file}, nil
}

// atLine is how the notation's errors begin.
var atLine = regexp.MustCompile(`^line ([0-9]+): `)

// place puts file and line before an error's text, as editors look for them.
func place(path string, err error) string {
	text := err.Error()
	if m := atLine.FindStringSubmatch(text); m != nil {
		return path + ":" + m[1] + ": " + text[len(m[0]):]
	}
	return path + ": " + text
}

// titles lists the dialogues.
func (s *script) titles() []string {
	var titles []string
	for _, d := range s.file.Dialogues {
		titles = append(titles, d.Title)
	}
	return titles
}

// routes are the plugin's, as the file's serve lines say; without any, every
// topic is.
func (s *script) routes(plugin *host.Plugin) ([]host.Route, error) {
	if len(s.file.Routes) == 0 {
		return []host.Route{{Pattern: "*", Plugin: plugin}}, nil
	}
	var routes []host.Route
	for _, r := range s.file.Routes {
		if r.Plugin != plugin.Name {
			return nil, fmt.Errorf("%s: serve %s %s: the plugin that is tested is called %s, and there is no other; without any serve line it gets every topic",
				s.path, r.Pattern, strconv.Quote(r.Plugin), plugin.Name)
		}
		routes = append(routes, host.Route{Pattern: r.Pattern, Plugin: plugin})
	}
	return routes, nil
}

// in tells whether a dialogue says something about a version of the protocol.
func (s *script) in(dialogue int, version string) bool { return s.file.Dialogues[dialogue].In(version) }

// performance is one dialogue, played once in one version of the protocol.
type performance struct {
	script   *script
	dialogue int
	version  string
	clock    *conversation.Clock
}

// prepare sets what the file says of the host, and a clock that stands still
// until the dialogue moves it.
func (s *script) prepare(dialogue int, version string, cfg *host.Config) (*performance, error) {
	p := &performance{s, dialogue, version, s.file.Clock()}
	cfg.Now, cfg.AfterFunc = p.clock.Now, p.clock.AfterFunc
	cfg.Limits.Channels = s.file.Channels
	var err error
	cfg.Registry, err = s.file.Registry()
	return p, err
}

// play plays the dialogue against a host that was made of what prepare has set,
// and whose socket is at url; a frame may take as long as patience. The error's
// text begins with the place.
func (p *performance) play(ctx context.Context, h *host.Host, url string, patience time.Duration) error {
	target := conversation.Target{URL: url, Clock: p.clock, Busy: h.Busy, Patience: patience}
	if err := p.script.file.Dialogues[p.dialogue].Run(ctx, target, p.version); err != nil {
		return errors.New(place(p.script.path, err))
	}
	return nil
}
