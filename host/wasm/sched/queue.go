package sched

import "container/heap"

// queue holds the tenants of which guests wait: a heap whose first is the one with
// the least time, and among equals the one whose guest has waited longest. A
// tenant's at is its place in it, -1 if it is not there.
type queue []*Tenant

func (q *queue) insert(t *Tenant) { heap.Push(q, t) }
func (q *queue) delete(t *Tenant) { heap.Remove(q, t.at) }
func (q *queue) fix(t *Tenant)    { heap.Fix(q, t.at) }

// Len implements [heap.Interface], as the others do.
func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].time != q[j].time {
		return q[i].time < q[j].time
	}
	return q[i].head.arrived < q[j].head.arrived
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].at, q[j].at = i, j
}

func (q *queue) Push(x any) {
	t := x.(*Tenant)
	t.at = len(*q)
	*q = append(*q, t)
}

func (q *queue) Pop() any {
	last := len(*q) - 1
	t := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	t.at = -1
	return t
}
