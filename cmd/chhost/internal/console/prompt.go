package console

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/peterh/liner"
)

// prompter asks for lines at a terminal.
type prompter struct {
	terminal *liner.State
	history  history
	out      io.Writer
	hinted   bool
}

// terminal tells whether somebody sits at the standard input and output, and
// whether lines can be edited there.
func terminal() (is, editable bool) {
	if _, err := liner.TerminalMode(); err != nil {
		return false, false
	}
	info, err := os.Stdout.Stat()
	is = err == nil && info.Mode()&os.ModeCharDevice != 0
	return is, is && liner.TerminalSupported()
}

func newPrompter(file string, s *session) *prompter {
	p := &prompter{terminal: liner.NewLiner(), history: history{file: file}, out: s.out}
	p.terminal.SetCtrlCAborts(true)
	p.terminal.SetTabCompletionStyle(liner.TabPrints)
	p.terminal.SetWordCompleter(s.complete)
	for _, text := range p.history.load() {
		p.terminal.AppendHistory(text)
	}
	return p
}

func (p *prompter) next() (string, error) {
	for {
		text, err := p.terminal.Prompt(prompt)
		switch {
		case errors.Is(err, liner.ErrPromptAborted):
			if !p.hinted { // once: whoever drops lines knows by then
				fmt.Fprintln(p.out, "(Ctrl-D, or quit, leaves)")
				p.hinted = true
			}
			continue
		case err != nil: // Ctrl-D, or the terminal is gone
			return "", io.EOF
		}
		if kept := strings.TrimRight(text, " "); p.history.add(kept) {
			p.terminal.AppendHistory(kept)
		}
		return text, nil
	}
}

func (*prompter) atTerminal() bool { return true }

// close gives the terminal back as it was.
func (p *prompter) close() {
	_ = p.terminal.Close()
	p.history.save()
}
