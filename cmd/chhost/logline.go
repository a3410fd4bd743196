package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

// writeLogLine writes a line of a plugin's log: with --json as it came, and else the
// time, the level, the version and what it says, then the rest by its keys.
func writeLogLine(c *cli.Context, e remote.Event) error {
	var line map[string]any
	numbers := json.NewDecoder(strings.NewReader(e.Data))
	numbers.UseNumber()
	if err := numbers.Decode(&line); err != nil {
		return fmt.Errorf("the host sends what is no line of a log: %w", err)
	}
	if c.Bool("json") {
		var b bytes.Buffer
		if err := json.Compact(&b, []byte(e.Data)); err != nil {
			return err
		}
		b.WriteByte('\n')
		_, err := b.WriteTo(c.App.Writer)
		return err
	}
	take := func(keys ...string) string {
		for _, key := range keys {
			if value, ok := line[key]; ok {
				delete(line, key)
				return textOf(value)
			}
		}
		return ""
	}
	at := take("time")
	if t, err := time.Parse(time.RFC3339Nano, at); err == nil {
		at = t.Local().Format("15:04:05.000")
	}
	words := []string{at, fmt.Sprintf("%-5s", strings.ToUpper(take("level"))), take("plugin", "version"), take("msg", "message", "text")}
	for _, key := range slices.Sorted(maps.Keys(line)) {
		if text := textOf(line[key]); text != "" {
			words = append(words, key+"="+quoted(text))
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return strings.TrimSpace(w) == "" })
	var b strings.Builder
	for i, part := range strings.Split(strings.Join(words, " "), "\n") {
		if i > 0 {
			b.WriteString("\n    ")
		}
		b.WriteString(remote.Printable(part))
	}
	_, err := fmt.Fprintln(c.App.Writer, b.String())
	return err
}

// quoted is a text that is one word, or is in quotes: other words follow it. What has
// lines of its own begins new ones, and needs none.
func quoted(text string) string {
	if strings.ContainsAny(text, " \t\"=") && !strings.Contains(text, "\n") {
		return strconv.Quote(text)
	}
	return text
}

// textOf writes a value of a log line: what is no text as JSON.
func textOf(value any) string {
	if text, ok := value.(string); ok {
		return text
	}
	data, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(data)
}
