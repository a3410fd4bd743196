package abi

import "strings"

// Nearest returns the name among the given ones that was most likely meant by a
// misspelled one, or "" if none is close. Upper case, underscores, hyphens and a
// leading "ch_" do not count, so handleIn is near handle_in and ch_reply near
// reply; otherwise about a third of the letters may be inserted, left out,
// changed or swapped with a neighbour. Names above MaxName bytes are near
// nothing. Of two that are equally near, the first wins.
func Nearest(name string, among []string) string {
	if name == "" || len(name) > MaxName {
		return ""
	}
	folded := fold(name)
	best, bestDistance := "", 0
	for _, candidate := range among {
		other := fold(candidate)
		limit := max(len(folded), len(other)) / 3
		if limit < max(len(folded), len(other))-min(len(folded), len(other)) {
			continue
		}
		d := distance(folded, other)
		if d > limit {
			continue
		}
		if best == "" || d < bestDistance {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// fold removes what people vary without meaning another name.
func fold(name string) string {
	name = strings.TrimPrefix(strings.ToLower(name), "ch_")
	return strings.NewReplacer("_", "", "-", "").Replace(name)
}

// distance is the number of bytes to insert, delete, change or swap with the
// neighbour to get from a to b (optimal string alignment).
func distance(a, b string) int {
	before := make([]int, len(b)+1) // the row for a[:i-2]
	above := make([]int, len(b)+1)  // a[:i-1]
	row := make([]int, len(b)+1)    // a[:i]
	for j := range above {
		above[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := above[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			row[j] = min(change, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, above, row = above, row, before
	}
	return above[len(b)]
}
