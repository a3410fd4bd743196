package torture

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what happened. Times are in nanoseconds, sizes in bytes.
type Report struct {
	Kinds   int `json:"kinds"`
	Modules int `json:"modules"`
	// Rows are what became of each kind, and of each group of mutations.
	Rows  []*Row   `json:"rows"`
	Wrong []string `json:"wrong"`
	// InUse is what of heap and stacks is in use after each round, Goroutines how many
	// there are.
	InUse      []uint64  `json:"heap_and_stacks_in_use"`
	Goroutines []int     `json:"goroutines"`
	Neighbour  Neighbour `json:"neighbour"`
}

// Row is what became of the modules of one kind in all rounds.
type Row struct {
	Kind string `json:"kind"`
	// Modules is how many were uploaded.
	Modules int `json:"modules"`
	// Verdicts are how many of them became what.
	Verdicts map[string]int `json:"verdicts"`
	// Slowest is how long one has taken at most, from its upload to its verdict.
	Slowest time.Duration `json:"slowest_ns"`
}

// count adds a verdict to the report.
func (r *rack) count(k *Kind, verdict string, took time.Duration) {
	row := r.rows[k.group()]
	if row == nil {
		row = &Row{Kind: k.group(), Verdicts: make(map[string]int)}
		r.rows[k.group()] = row
		r.report.Rows = append(r.report.Rows, row)
	}
	row.Modules++
	row.Verdicts[verdict]++
	row.Slowest = max(row.Slowest, took)
}

func (r *Row) verdict() string {
	var parts []string
	for _, v := range slices.Sorted(maps.Keys(r.Verdicts)) {
		if len(r.Verdicts) == 1 {
			return v
		}
		parts = append(parts, fmt.Sprintf("%d %s", r.Verdicts[v], v))
	}
	return strings.Join(parts, ", ")
}

// total is how many modules became what.
func (r *Report) total() map[string]int {
	all := make(map[string]int)
	for _, row := range r.Rows {
		for v, n := range row.Verdicts {
			all[v] += n
		}
	}
	return all
}

// Print writes the report as a table.
func (r *Report) Print(w io.Writer) error {
	var b strings.Builder
	table := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "kind\tmodules\tverdict\ttook at most\n")
	for _, row := range r.Rows {
		fmt.Fprintf(table, "%s\t%d\t%s\t%v\n", row.Kind, row.Modules, row.verdict(), row.Slowest.Round(100*time.Microsecond))
	}
	fmt.Fprintf(table, "\t\t\t\n%d modules a round, %d declared kinds, %d rounds\n", r.Modules, r.Kinds, len(r.InUse))
	all := r.total()
	for _, v := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(table, "%s\t%d\n", v, all[v])
	}
	fmt.Fprintf(table, "in use\t%d bytes after each round\ngoroutines\t%d after each round\n", r.InUse, r.Goroutines)
	fmt.Fprintf(table, "neighbour\t%d events, each answered within %v\n", r.Neighbour.Asked, r.Neighbour.Slowest.Round(100*time.Microsecond))
	for _, wrong := range slices.Concat(r.Wrong, r.Neighbour.Wrong) {
		fmt.Fprintf(table, "WRONG\t%s\n", wrong)
	}
	_ = table.Flush() // into memory
	_, err := io.WriteString(w, b.String())
	return err
}

// pieces is what is in use more after one round than after another without being left:
// stacks and the pages of the heap's size classes come in pieces. Where little is in use
// it is more than 5 %; one instance that is left, with its memory, is as much each time.
const pieces = 512 << 10

// Failure is the error of a report that is not good, or nil.
func (r *Report) Failure() error {
	if len(r.Wrong) > 0 {
		return fmt.Errorf("%d verdicts are wrong", len(r.Wrong))
	}
	if len(r.Neighbour.Wrong) > 0 || r.Neighbour.Asked == 0 {
		return fmt.Errorf("the neighbour was not served: %d of its events were, and then %q", r.Neighbour.Asked, r.Neighbour.Wrong)
	}
	if len(r.InUse) == 0 {
		return fmt.Errorf("no round was finished")
	}
	last := len(r.InUse) - 1
	if r.Goroutines[last] > r.Goroutines[0] {
		return fmt.Errorf("goroutines were left: %d after the first round, %d after the last", r.Goroutines[0], r.Goroutines[last])
	}
	if r.InUse[last] > r.InUse[0]+max(r.InUse[0]/20, pieces) {
		return fmt.Errorf("memory was left: %d bytes in use after the first round, %d after the last", r.InUse[0], r.InUse[last])
	}
	return nil
}
