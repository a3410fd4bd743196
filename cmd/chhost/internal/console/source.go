package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// prompt is what a line is asked for with.
const prompt = "chhost> "

// source is where lines come from.
type source interface {
	// next returns a line without its end; at the end of all the error is io.EOF.
	// Another error is about this one line.
	next() (string, error)
	// atTerminal tells whether somebody types them.
	atTerminal() bool
	close()
}

func openSource(cfg Config, s *session) source {
	in := bufio.NewReader(cfg.In)
	if cfg.In != io.Reader(os.Stdin) || cfg.Out != io.Writer(os.Stdout) {
		return &script{in: in, out: cfg.Out}
	}
	switch atTerminal, editable := terminal(); {
	case editable:
		return newPrompter(cfg.History, s)
	default:
		return &script{in: in, out: cfg.Out, typed: atTerminal}
	}
}

// read waits for a line, or until ctx is done. Then what waits for input is left
// behind: it ends with the next line, or with the process.
func read(ctx context.Context, from source) (string, error) {
	type result struct {
		text string
		err  error
	}
	got := make(chan result, 1)
	go func() {
		text, err := from.next()
		got <- result{text, err}
	}()
	select {
	case r := <-got:
		return r.text, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// script reads lines as they come. Those that nobody types it shows, each behind a
// prompt, so that the output reads like a session at a terminal.
type script struct {
	in    *bufio.Reader
	out   io.Writer
	typed bool // at a terminal that cannot edit lines, and shows them itself
}

func (s *script) next() (string, error) {
	if s.typed {
		_, _ = io.WriteString(s.out, prompt)
	}
	text, err := s.line()
	if !s.typed && (err == nil || errors.Is(err, errLineTooLong)) {
		shown := visible(strings.ReplaceAll(text, "\t", " "))
		_, _ = fmt.Fprintln(s.out, strings.TrimRight(prompt+cut(shown), " "))
	}
	return text, err
}

// line reads up to the end of a line, of which it keeps what is allowed.
func (s *script) line() (string, error) {
	var text []byte
	tooLong := false
	for {
		part, err := s.in.ReadSlice('\n')
		end := err == nil
		if end {
			part = part[:len(part)-1]
		}
		if len(text)+len(part) > maxLine+1 { // a carriage return may be taken off
			part, tooLong = part[:max(0, maxLine-len(text))], true
		}
		text = append(text, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return "", io.EOF // nothing more can be read
		case err != nil && len(text) == 0:
			return "", io.EOF
		}
		text := strings.TrimSuffix(string(text), "\r")
		if tooLong || len(text) > maxLine {
			return text, errLineTooLong
		}
		return text, nil
	}
}

func (s *script) atTerminal() bool { return s.typed }
func (*script) close()             {}
