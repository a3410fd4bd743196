package phxclient_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client, err := phxclient.Connect(ctx, "ws://localhost:4000/socket", phxclient.ClientOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()

	lobby, _, err := client.Join(ctx, "rooms:lobby", phx.Payload{})
	var refused *phxclient.RefusedError
	if errors.As(err, &refused) {
		log.Fatal("not let in: ", refused.Reason())
	} else if err != nil {
		log.Fatal(err)
	}
	message, err := phx.Object([]byte(`{"body":"hello"}`))
	if err != nil {
		log.Fatal(err)
	}
	reply, err := lobby.Push(ctx, "new:msg", message)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Status)
	for {
		m, err := lobby.Receive(ctx)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s %s\n", m.Event, m.Payload.Data())
	}
}
