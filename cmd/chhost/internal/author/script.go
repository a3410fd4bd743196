package author

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"

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
			return nil, fmt.Errorf("%s: \"serve %s %s\": the plugin that is tested is called %s, and there is no other; without any serve line it gets every topic",
				s.path, r.Pattern, strconv.Quote(r.Plugin), plugin.Name)
		}
		routes = append(routes, host.Route{Pattern: r.Pattern, Plugin: plugin})
	}
	return routes, nil
}

// in tells whether a dialogue says something about a version of the protocol.
func (s *script) in(dialogue int, version string) bool { return s.file.Dialogues[dialogue].In(version) }

// configure sets what the file says of the host, and a clock that stands still
// until a dialogue moves it.
func (s *script) configure(cfg *host.Config) *conversation.Clock {
	clock := s.file.Clock()
	cfg.Now, cfg.AfterFunc = clock.Now, clock.AfterFunc
	cfg.Limits.Channels = s.file.Channels
	return clock
}

// play plays a dialogue against h, which configure has set up and whose socket is
// at url. The error's text begins with the place.
func (s *script) play(ctx context.Context, dialogue int, version string, h *host.Host, url string, clock *conversation.Clock) error {
	target := conversation.Target{URL: url, Clock: clock, Busy: h.Busy}
	if err := s.file.Dialogues[dialogue].Run(ctx, target, version); err != nil {
		return errors.New(place(s.path, err))
	}
	return nil
}
