package meter

import "github.com/chhost/chhost/host/wasm/module"

// Naive rewrites a module like Rewrite, but charges each instruction by itself,
// before it: what Rewrite charges in stretches must come to the same.
func Naive(bin []byte, options Options) ([]byte, error) {
	m, err := module.Decode(bin, options.Module)
	if err != nil {
		return nil, err
	}
	r := &rewriter{m: m, options: options.withDefaults()}
	if err := r.refuse(); err != nil {
		return nil, err
	}
	r.measure()
	r.count()
	stretches := r.charges
	r.charges = nil
	for i := range r.functions {
		f := &r.functions[i]
		asks := map[uint32]bool{}
		for _, c := range stretches[f.charges.start:f.charges.end] {
			asks[c.at] = c.ask
		}
		f.charges.start = uint32(len(r.charges))
		constant := constant{}
		for w := m.Walk(m.Bodies[i].Code); w.More(); {
			at := uint32(w.End())
			w.Next()
			r.charges = append(r.charges, charge{at: at, cost: Cost(w.Op) + constant.cost(&w), ask: asks[at]})
		}
		f.charges.end = uint32(len(r.charges))
	}
	return r.assemble(), nil
}
