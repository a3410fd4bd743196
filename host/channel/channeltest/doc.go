// Package channeltest is a kit for tests of channels and of native handlers: a
// client that keeps what it was sent, and a node that its channel lives on.
//
//	node := channeltest.NewNode(t, channel.Config{})
//	ann := node.Client(t, "rooms:1", handler, channel.Options{})
//	ann.Send(t, `["1","1","rooms:1","phx_join",{}]`)
//	ann.Expect(t, `["1","1","rooms:1","phx_reply",{"status":"ok","response":{}}]`)
//
// Frames are written and compared as text frames of serializer V2, whatever the
// client would speak. A payload of bytes stands in them as "!" and its base64.
// Nothing here depends on how fast the machine is: what is waited for has a
// generous [Deadline], and tests may run in a bubble of testing/synctest.
package channeltest
