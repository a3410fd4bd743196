package torture

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Print writes the report as a table.
func (r Report) Print(w io.Writer) error {
	text := fmt.Sprintf("%d modules a round, %d declared kinds\n", r.Modules, r.Kinds)
	for _, row := range r.Table {
		text += fmt.Sprintf("%-28s %-12s %5d times, at most %v\n", row.Kind, row.Verdict, row.Times, row.Slowest.Round(100*time.Microsecond))
	}
	for _, v := range slices.Sorted(maps.Keys(r.Verdicts)) {
		text += fmt.Sprintf("%-14s %d\n", v, r.Verdicts[v])
	}
	text += fmt.Sprintf("neighbour      answered %d times meanwhile, after %v at most\n", r.Neighbour, r.NeighbourSlowest)
	text += fmt.Sprintf("slowest        %v, %s\nin use         %d bytes after each round\ngoroutines     %d\n", r.Slowest, r.SlowestIs, r.InUse, r.Goroutines)
	for _, wrong := range r.Wrong {
		text += "WRONG          " + wrong + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// Failure is the error of a report that is not good, or nil.
func (r Report) Failure() error {
	if len(r.Wrong) > 0 {
		return fmt.Errorf("%d verdicts are wrong", len(r.Wrong))
	}
	if len(r.InUse) == 0 {
		return fmt.Errorf("no round was finished")
	}
	last := len(r.InUse) - 1
	if r.Goroutines[last] > r.Goroutines[0] {
		return fmt.Errorf("goroutines were left: %d after the first round, %d after the last", r.Goroutines[0], r.Goroutines[last])
	}
	if r.InUse[last] > r.InUse[0]+r.InUse[0]/20 {
		return fmt.Errorf("memory was left: %d bytes in use after the first round, %d after the last", r.InUse[0], r.InUse[last])
	}
	return nil
}
