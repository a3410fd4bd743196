package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// WriteText writes the report for people.
func (rep *Report) WriteText(w io.Writer) error {
	_, err := io.WriteString(w, rep.title()+"\n\n"+rep.stages()+"\n"+rep.latencies()+"\n"+rep.rest())
	return err
}

func (rep *Report) title() string {
	text := fmt.Sprintf("%s: %s to %s, topic %s", rep.Load, number(int64(rep.Connections), "connection"), rep.URL, rep.Topic)
	if rep.Event != "" {
		text += fmt.Sprintf(", %s with %s", rep.Event, number(int64(rep.PayloadBytes), "byte"))
	}
	if rep.AnsweredBy != "" {
		text += ", answered by a " + rep.AnsweredBy
	}
	if len(rep.From) > 0 {
		text += ", from " + strings.Join(rep.From, ", ")
	}
	return text
}

func (rep *Report) stages() string {
	rows := [][]string{{"", "count", "seconds", "per second", "server CPU, µs each", "load CPU, µs each"}}
	for _, s := range []*Stage{rep.Ramp, rep.Hold, rep.Measured} {
		if s == nil {
			continue
		}
		rate := "-"
		if s.PerSecond > 0 {
			rate = decimal(s.PerSecond, 0)
		}
		rows = append(rows, []string{s.What, strconv.FormatInt(s.Count, 10), decimal(s.Seconds, 2), rate, orDash(s.ServerEach), orDash(s.LoadEach)})
	}
	return table(rows)
}

func (rep *Report) latencies() string {
	rows := [][]string{{"latency, µs", "p50", "p90", "p99", "p99.9", "max"}}
	add := func(what string, l *Latency) {
		if l != nil {
			rows = append(rows, []string{what, decimal(l.P50, 0), decimal(l.P90, 0), decimal(l.P99, 0), decimal(l.P999, 0), decimal(l.Max, 0)})
		}
	}
	add("connect", rep.Connect)
	add("join", rep.Join)
	if rep.Measured != nil {
		add(rep.Measured.What, rep.Measured.Latency)
	}
	return table(rows)
}

func (rep *Report) rest() string {
	var b strings.Builder
	if s := rep.Server; s != nil {
		fmt.Fprintf(&b, "server memory  %s before, %s at the end", mib(s.Before), mib(s.After))
		switch {
		case rep.Hold == nil:
		case s.Each == 0:
			b.WriteString(": the connections took what it had from before; start it anew to see what each needs")
		default:
			fmt.Fprintf(&b, ": %s KiB for each connection", decimal(s.Each/1024, 1))
		}
		b.WriteByte('\n')
	}
	if rep.LoadBytes > 0 {
		fmt.Fprintf(&b, "load memory    %s\n", mib(rep.LoadBytes))
	}
	if rep.Sent > 0 {
		fmt.Fprintf(&b, "pushes         %d\n", rep.Sent)
	}
	if rep.Broadcasts+rep.Pushes > 0 {
		fmt.Fprintf(&b, "also came      %s and %s, not of this load\n", number(rep.Broadcasts, "broadcast"), number(rep.Pushes, "push"))
	}
	if rep.Ended != "" {
		fmt.Fprintf(&b, "ended early    %s\n", rep.Ended)
	}
	for _, kind := range slices.Sorted(maps.Keys(rep.Errors)) {
		fmt.Fprintf(&b, "error          %s %s\n", number(rep.Errors[kind], "time"), kind)
	}
	if len(rep.Errors) == 0 {
		b.WriteString("errors         none\n")
	}
	return b.String()
}

// table lays out rows: the first column begins at the left, the others end at the
// right.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, cell := range row {
			space := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				b.WriteString(cell + space)
			} else {
				b.WriteString("  " + space + cell)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// number writes how many there are of something: 1 push, 2 pushes.
func number(n int64, thing string) string {
	switch {
	case n == 1:
		return "1 " + thing
	case strings.HasSuffix(thing, "sh"):
		thing += "e"
	}
	return strconv.FormatInt(n, 10) + " " + thing + "s"
}

func decimal(x float64, places int) string { return strconv.FormatFloat(x, 'f', places, 64) }

func orDash(f *float64) string {
	if f == nil {
		return "-"
	}
	return decimal(*f, 2)
}

func mib(n int64) string { return decimal(float64(n)/(1<<20), 1) + " MiB" }
