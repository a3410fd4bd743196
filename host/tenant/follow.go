package tenant

import (
	"context"
	"time"

	"github.com/chhost/chhost/host/channel"
)

// This file holds how channels follow what is served.

// move brings channels from one edition to another.
type move = func(context.Context) (channel.Moved, error)

// succeed lets what is served now take the place of what was before. The caller has
// the turn, and begins the moves.
func (p *plugin) succeed(env *channel.Env, before *serving, s shift) []move {
	now := p.serving.Load()
	if before == nil || now == nil {
		return nil
	}
	var moves []move
	link := func(old, next *edition, how channel.Succession) {
		if old == nil || old == next {
			return
		}
		if m, err := env.Succeed(old, next, how); err == nil {
			moves = append(moves, m)
		}
	}
	old := append([]*edition{before.active, before.canary}, p.live...)
	switch s.strategy {
	case Canary:
		if before.canary != now.canary {
			link(before.canary, now.active, channel.Succession{Back: true})
		}
		percent, tenant := now.percent, p.tenant.name
		link(now.active, now.canary, channel.Succession{Leads: func(topic string) bool { return share(tenant, topic) < percent }})
		return moves
	case NewJoins:
		p.live = p.live[:0:0]
		for _, e := range old {
			if e != nil && e != now.active && env.Needed(e) {
				p.live = append(p.live, e)
			}
		}
		return nil
	}
	p.live = nil
	for _, e := range old {
		linked := len(moves)
		link(e, now.active, channel.Succession{Back: s.back})
		if s.strategy == Drained && len(moves) > linked {
			moves[linked] = expelled(env, e, s.window, moves[linked])
		}
	}
	return moves
}

// expelled ends the channels of an edition within about so long, and then lets those
// follow that have come to it meanwhile. What succeeds the edition's successor meanwhile
// takes those over that have not ended.
func expelled(env *channel.Env, e *edition, window time.Duration, follow move) move {
	return func(ctx context.Context) (channel.Moved, error) {
		n, err := env.Expel(ctx, e, window)
		if err != nil {
			return channel.Moved{Failed: n}, err
		}
		moved, err := follow(ctx)
		moved.Failed += n
		return moved, err
	}
}

// begin lets the moves run, and returns what they will have done.
func (t *Tenant) begin(moves []move) ([]<-chan channel.Moved, error) {
	var pending []<-chan channel.Moved
	for _, m := range moves {
		done := make(chan channel.Moved, 1)
		ok := t.estate.dir.begin(func(life context.Context) {
			moved, _ := m(life) // the error is that of the directory's end
			done <- moved
		})
		if !ok {
			return nil, ErrEnded
		}
		pending = append(pending, done)
	}
	return pending, nil
}

// await waits for moves, until ctx ends.
func (t *Tenant) await(ctx context.Context, d Deployment, pending []<-chan channel.Moved) Deployment {
	for _, done := range pending {
		select {
		case moved := <-done:
			d.Moved, d.Stayed, d.Ended = d.Moved+moved.Channels, d.Stayed+moved.Stayed, d.Ended+moved.Failed
		case <-ctx.Done():
			d.Moving = true
			return d
		}
	}
	return d
}
