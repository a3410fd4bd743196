package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
)

// Lists are answered in pages, so that no answer grows with what a tenant's clients, or
// the tenants themselves, bring about. A page follows upon an entry by its key, not by its
// place: what comes or goes meanwhile lets nothing else be left out or told twice, and the
// entry itself may be gone.
const (
	// fewEntries is how many entries a page has unless limit says so, mostEntries how
	// many it may have.
	fewEntries, mostEntries = 100, 1000
)

// pages are the parameters of a list of these things.
func pages(things, key string) map[string]string {
	return map[string]string{
		"after": "the " + key + " of the last one that is known: next of the page before",
		"limit": "how many " + things + " at most, up to " + strconv.Itoa(mostEntries) + "; " + strconv.Itoa(fewEntries) + " if it is missing",
	}
}

// most reads how many entries are wanted.
func (c *call) most() (int, error) {
	n, err := c.number("limit", fewEntries, mostEntries)
	if err == nil && n == 0 {
		err = fault(codeBody, "limit is a number from 1 to %d", mostEntries)
	}
	return int(n), err
}

// numberedPage reads the number behind which a page begins, and how much it has at most.
func (c *call) numberedPage() (after uint64, limit int, err error) {
	if after, err = c.number("after", 0, 1<<62); err == nil {
		limit, err = c.most()
	}
	return after, limit, err
}

// afterName reads the name behind which a page begins. The error is that nothing can be
// called so.
func (c *call) afterName(check func(string) error) (string, error) {
	name := c.query.Get("after")
	if name == "" {
		return "", nil
	}
	if err := check(name); err != nil {
		return "", fault(codeBody, "after: %v", err)
	}
	return name, nil
}

// cut returns those of all, which are sorted by key, that follow upon after: the entries
// of as many keys as limit says. next is the last key if there are more.
func cut[T any, K cmp.Ordered](all []T, key func(T) K, after K, limit int) (page []T, next *K) {
	from, found := slices.BinarySearchFunc(all, after, func(e T, k K) int { return cmp.Compare(key(e), k) })
	for found && from < len(all) && key(all[from]) == after {
		from++
	}
	all = all[from:]
	for i := range all {
		if i > 0 && key(all[i]) == key(all[i-1]) {
			continue
		}
		if limit == 0 {
			last := key(all[i-1])
			return all[:i], &last
		}
		limit--
	}
	return all, nil
}

// word is a cursor as an answer has it; none: there is no more.
func word[K string | uint64](next *K) string {
	if next == nil {
		return ""
	}
	return fmt.Sprint(*next)
}
