package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"text/tabwriter"
	"time"
)

// costs prints what a call costs on each host: one that returns at once, and a tight
// loop over memory.
func costs(list []peer) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "cost")
	for _, h := range list {
		fmt.Fprint(w, "\t"+h.name)
	}
	fmt.Fprintln(w)
	for _, file := range []string{"nothing", "sum"} {
		var calls []func(context.Context) error
		for _, h := range list {
			call, err := h.load(context.Background(), caseFile(file), mostTime)
			if err != nil {
				return fmt.Errorf("%s on %s: %w", file, h.name, err)
			}
			calls = append(calls, call)
		}
		best, err := fastest(calls)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		fmt.Fprint(w, file)
		for _, d := range best {
			fmt.Fprintf(w, "\t%v (%.2fx)", d, float64(d)/float64(best[0]))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// fastest is the shortest time of a call of each, measured in turns.
func fastest(calls []func(context.Context) error) ([]time.Duration, error) {
	const rounds, share = 20, 20 * time.Millisecond
	ctx := context.Background()
	times := make([][]time.Duration, len(calls))
	for range rounds {
		for i, call := range calls {
			n, begin := 0, time.Now()
			for n == 0 || time.Since(begin) < share {
				for range 8 {
					if err := call(ctx); err != nil {
						return nil, err
					}
				}
				n += 8
			}
			times[i] = append(times[i], time.Since(begin)/time.Duration(n))
		}
	}
	best := make([]time.Duration, len(calls))
	for i := range times {
		best[i] = slices.Min(times[i])
	}
	return best, nil
}
