package console

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// param is one argument of a command.
type param uint8

const (
	paramTopic param = iota
	paramEvent
	paramJSON // the rest of the line; may be left out
	paramPlugin
	paramCommand // may be left out
)

func (p param) String() string {
	switch p {
	case paramTopic:
		return "TOPIC"
	case paramEvent:
		return "EVENT"
	case paramJSON:
		return "[JSON]"
	case paramPlugin:
		return "PLUGIN"
	case paramCommand:
		return "[COMMAND]"
	}
	return "ARGUMENT"
}

// command is one that can be typed. path is its name with that of the command it
// belongs to.
type command struct {
	name, path string
	params     []param
	says       string // what it does, in one line
	sub        *command
	run        func(s *session, ctx context.Context, out io.Writer, in line) error // ctx is second, as a method expression has it
}

// usage lists the arguments.
func (c *command) usage() string {
	var words []string
	for _, p := range c.params {
		words = append(words, p.String())
	}
	return strings.Join(words, " ")
}

// commands lists all there are, in the order of the guide.
func commands() []*command {
	topic, message := []param{paramTopic}, []param{paramTopic, paramEvent, paramJSON}
	return []*command{
		{name: "subscribers", params: topic, says: "who is subscribed to a topic, one entry for each subscription", run: (*session).subscribers},
		{name: "subscribe", params: topic, says: "let broadcasts to a topic, joined or not, come to the inbox", run: (*session).subscribe},
		{name: "unsubscribe", params: topic, says: "end that", run: (*session).unsubscribe},
		{name: "self", says: "what subscribers calls this console", run: (*session).self},
		{name: "broadcast", params: message, says: "send an event to all subscribers of a topic", run: (*session).broadcast},
		{name: "inbox", says: "what has arrived (it stays there)", run: (*session).inbox,
			sub: &command{name: "clear", says: "forget it", run: (*session).clearInbox}},
		{name: "socket", says: "the socket at the topic in hand", run: (*session).show,
			sub: &command{name: "new", params: topic, says: "take another topic in hand", run: (*session).turnTo}},
		{name: "dispatch", params: message, says: "send join, leave or any event through router, channel and plugin", run: (*session).dispatch},
		{name: "authorized?", params: topic, says: "whether the socket is a member of a topic", run: (*session).authorized},
		{name: "authorize", params: topic, says: "make it one without asking the plugin's join, as an operator may", run: (*session).authorize},
		{name: "deauthorize", params: topic, says: "end that it is one, as an operator may; the plugin's leave is told", run: (*session).deauthorize},
		{name: "reload", params: []param{paramPlugin}, says: "read or build a plugin again and let all channels follow it", run: (*session).reload},
		{name: "help", params: []param{paramCommand}, says: "this, or what one command does", run: (*session).help},
		{name: "quit", says: "leave", run: func(*session, context.Context, io.Writer, line) error { return errQuit }},
	}
}

// find returns the command of a name, or nil.
func find(name string) *command {
	for _, c := range commands() {
		if c.name == name {
			c.path = c.name
			if c.sub != nil {
				c.sub.path = c.name + " " + c.sub.name
			}
			return c
		}
	}
	return nil
}

func commandNames() []string {
	var names []string
	for _, c := range commands() {
		names = append(names, c.name)
	}
	return names
}

// help lists the commands, or says more of one.
func (s *session) help(_ context.Context, out io.Writer, in line) error {
	var list []*command
	if in.word == "" {
		for _, name := range commandNames() {
			list = append(list, find(name))
		}
	} else if c := find(in.word); c != nil {
		list = []*command{c}
	} else {
		return unknown(in.word)
	}
	for _, c := range list {
		writeUsage(out, c)
		if c.sub != nil {
			writeUsage(out, c.sub)
		}
	}
	if in.word == "" {
		fmt.Fprint(out, "\nJSON is an object; left out it is {}. A name with spaces is written \"as a string\". A line that begins with # is a comment.\n")
	}
	return nil
}

func writeUsage(out io.Writer, c *command) {
	fmt.Fprintf(out, "  %-30s %s\n", strings.TrimSpace(c.path+" "+c.usage()), c.says)
}
