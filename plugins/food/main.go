// Command food is the FoodChannel of the Phoenix Channels guide.
//
// Every example of the guide's sections on joining, leaving, incoming and
// outgoing messages is one clause here; README.md sets them side by side.
package main

import (
	"strings"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
)

// Food is the channel of the topics "foods:*".
type Food struct{}

var _ interface {
	chhost.Joiner
	chhost.Leaver
	chhost.InHandler
	chhost.OutHandler
	chhost.Initializer
} = Food{}

func init() { chhost.Register(Food{}) }

// main is never run in a plugin, but the compiler wants it.
func main() {}

// Init names the two events that HandleOut has something to say about; all
// other broadcasts reach the subscribers without it.
func (Food) Init(c *chhost.Setup) error {
	c.Intercept("user:joined", "new:message")
	return nil
}

// Join lets everyone into foods:all and leaves all other topics without an
// answer. Whoever joins may name users to be ignored: {"ignore":["7","8"]}.
func (Food) Join(s *chhost.Socket) chhost.JoinResult {
	if s.Topic() != "foods:all" {
		return chhost.Ignore
	}
	if list := s.Payload().Field("ignore"); list != "" {
		if !isIgnoreList(list) {
			return chhost.Refuse(chhost.Reason("ignore has to be a list of ids, at most 4096 bytes"))
		}
		s.Assign(chhost.Map{"ignore": list})
	}
	return chhost.OK
}

// Leave has no restrictions: the guide's `{:ok, socket}`.
func (Food) Leave(*chhost.Socket) {}

// HandleIn broadcasts new:msg, pushes "new:" with any other food back to the
// sender, and broadcasts all the rest.
//
// The name of the guide's new:message begins with "new:" too. It is among those
// that are broadcast: otherwise no client could cause the broadcast that
// HandleOut adds a prediction to.
func (Food) HandleIn(s *chhost.Socket, event string, payload chhost.Payload) chhost.InResult {
	switch {
	case event == "new:msg", event == "new:message":
		return s.Broadcast(event, payload)
	case strings.HasPrefix(event, "new:"):
		return s.Push(event, payload)
	default:
		return s.Broadcast(event, payload)
	}
}

// HandleOut keeps user:joined from those who ignore the user, and adds the
// Magic 8 Ball's prediction to new:message.
func (Food) HandleOut(s *chhost.Socket, event string, payload chhost.Payload) chhost.OutResult {
	switch event {
	case "user:joined":
		// Reading a huge message once for every subscriber would let one client
		// keep everybody waiting. Nobody is told of such a user.
		if len(payload.Raw()) > maxPredicted {
			return chhost.OK
		}
		if ignoring(s.Assigns(), payload) {
			return chhost.OK
		}
		return s.Push(event, payload)
	case "new:message":
		if len(payload.Raw()) > maxPredicted {
			return chhost.Pass
		}
		return s.Push(event, payload.Merge(chhost.Map{"magic_8_ball_sez": prediction(s.Now())}))
	default:
		return chhost.Pass
	}
}
