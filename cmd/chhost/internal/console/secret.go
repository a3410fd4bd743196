package console

import "github.com/peterh/liner"

// Secret asks for a line at the terminal, which does not show it.
func Secret(prompt string) (string, error) {
	terminal := liner.NewLiner()
	defer terminal.Close()
	terminal.SetCtrlCAborts(true)
	return terminal.PasswordPrompt(prompt)
}
