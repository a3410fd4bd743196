package meter

// How far the search for cycles has come with a function.
const (
	unseen = iota
	entered
	left
)

// count decides which functions count their stack: all but those whose whole tree
// of calls is known, without a cycle, and small.
func (r *rewriter) count() {
	state := make([]byte, len(r.functions))
	tree := make([]uint64, len(r.functions)) // slots of a function with all that it calls
	var path []visit
	for root := range r.functions {
		if state[root] != unseen {
			continue
		}
		state[root] = entered
		path = append(path[:0], visit{uint32(root), r.functions[root].callees.start})
		for len(path) > 0 {
			at := &path[len(path)-1]
			f := &r.functions[at.function]
			if at.next < f.callees.end {
				callee := r.callees[at.next]
				at.next++
				switch state[callee] {
				case unseen:
					state[callee] = entered
					path = append(path, visit{callee, r.functions[callee].callees.start})
				case entered: // a cycle; whoever calls into it is counted as well
					f.counted = true
				case left:
					r.judge(f, &tree[at.function], callee, tree[callee])
				}
				continue
			}
			done := at.function
			state[done] = left
			tree[done] += uint64(f.weight)
			f.counted = f.counted || f.indirect || tree[done] > smallTree
			if path = path[:len(path)-1]; len(path) > 0 {
				caller := path[len(path)-1].function
				r.judge(&r.functions[caller], &tree[caller], done, tree[done])
			}
		}
	}
}

// visit is a function on the path, and the next of its callees to look at.
type visit struct{ function, next uint32 }

// judge adds a callee to its caller's tree.
func (r *rewriter) judge(caller *function, tree *uint64, callee uint32, size uint64) {
	caller.counted = caller.counted || r.functions[callee].counted
	*tree = max(*tree, size)
}
