// Package console is the guide's session at a prompt: a host without a listener,
// and one client of it.
//
// What the client sends goes the way of any other client's frames, through
// socket, channel and plugin; what is printed is what came back. The commands are
// those of the iex session in the Phoenix Channels guide.
package console

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/chhost/chhost/host"
)

// Config says what to serve to whom. In, Out and Err are needed.
type Config struct {
	// Routes send topics to plugins. Without any, topics can only be broadcast to
	// and subscribed to.
	Routes []host.Route
	// Plugins are those that can be reloaded.
	Plugins []Plugin
	// In is where commands come from: a terminal, if it is the process's own
	// standard input and that is one, and lines else.
	In io.Reader
	// Out receives what commands answer, and Err what host and plugins log.
	Out, Err io.Writer
	// History is the file that keeps the lines typed at a terminal. Default none.
	History string
	// CacheDir is [host.Config.CacheDir].
	CacheDir string
	// Compiler is [host.Config.Compiler].
	Compiler *host.Compiler
	// Level is the lowest level that is logged.
	Level slog.Level
}

// Plugin is one that can be reloaded.
type Plugin struct {
	*host.Plugin
	// Path is the file or directory that it comes from.
	Path string
	// Load makes the module anew.
	Load func(ctx context.Context) ([]byte, error)
}

// FailedError is returned when lines that came from elsewhere than a terminal
// failed.
type FailedError struct{ Failed, Lines int }

func (e *FailedError) Error() string {
	return fmt.Sprintf("%d of %d lines failed", e.Failed, e.Lines)
}

// grace is how long handlers may take at the end.
const grace = 5 * time.Second

// Run carries out commands until In ends, one of them is quit, or ctx is done.
// At a terminal it returns nil in the first two cases; else the error is a
// [*FailedError] if a line failed, after all have been carried out. What a plugin
// answers, such as an error or nothing, is no failure.
func Run(ctx context.Context, cfg Config) error {
	logs := &heldLog{to: cfg.Err}
	h, err := host.New(host.Config{
		Routes: cfg.Routes, RoutesOptional: true, CacheDir: cfg.CacheDir, Grace: grace,
		Compiler: cfg.Compiler,
		Logger:   slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: withoutTime})),
	})
	if err != nil {
		return err
	}
	running, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(running) }()

	err = serve(ctx, cfg, h, logs)
	stop()
	if hostErr := <-ended; err == nil {
		err = hostErr
	}
	logs.release()
	return err
}

// withoutTime keeps what is logged the same in each run.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

// serve reads commands and carries them out.
func serve(ctx context.Context, cfg Config, h *host.Host, logs *heldLog) error {
	s := newSession(h, cfg)
	if err := s.open(); err != nil {
		return err
	}
	defer s.close()
	source := openSource(cfg, s)
	defer source.close()
	if source.atTerminal() {
		s.greet()
	}
	for {
		logs.hold(source.atTerminal())
		text, err := read(ctx, source)
		logs.release()
		switch {
		case err == io.EOF:
			return s.verdict(source)
		case ctx.Err() != nil:
			return ctx.Err()
		}
		if quit := s.take(ctx, text, err); quit {
			return s.verdict(source)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// take carries out one line, or tells why it could not be read, and reports
// whether it was the last one.
func (s *session) take(ctx context.Context, text string, err error) (quit bool) {
	var out bytes.Buffer
	if err == nil {
		quit, err = s.run(ctx, &out, text)
	} else {
		s.lines++
	}
	if err != nil {
		s.failed++
		fmt.Fprintf(&out, "error: %s\n", indented(err.Error()))
	}
	_, _ = s.out.Write(out.Bytes())
	return quit
}

// verdict is what Run returns.
func (s *session) verdict(from source) error {
	if s.failed == 0 || from.atTerminal() {
		return nil
	}
	return &FailedError{Failed: s.failed, Lines: s.lines}
}
