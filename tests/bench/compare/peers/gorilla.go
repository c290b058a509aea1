// gorilla/websocket of Go: a goroutine reads each connection; in the chat another one
// writes it, from a channel, as in the library's own example.
package main

import (
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/gorilla/websocket"
)

var upgrader = websocket.Upgrader{
	CheckOrigin:       func(*http.Request) bool { return true },
	EnableCompression: os.Getenv("DEFLATE") == "1",
}

func echo(answer http.ResponseWriter, request *http.Request) {
	conn, err := upgrader.Upgrade(answer, request, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	for {
		kind, message, err := conn.ReadMessage()
		if err != nil || conn.WriteMessage(kind, message) != nil {
			return
		}
	}
}

type client struct {
	conn *websocket.Conn
	out  chan *websocket.PreparedMessage
}

func (one *client) write() {
	for message := range one.out {
		if one.conn.WritePreparedMessage(message) != nil {
			one.conn.Close()
		}
	}
}

var (
	lock    sync.RWMutex
	clients = map[*client]bool{}
)

func broadcast(from *client, message *websocket.PreparedMessage) {
	lock.RLock()
	defer lock.RUnlock()
	for one := range clients {
		if one != from {
			one.out <- message
		}
	}
}

func chat(answer http.ResponseWriter, request *http.Request) {
	conn, err := upgrader.Upgrade(answer, request, nil)
	if err != nil {
		return
	}
	defer conn.Close()
	one := &client{conn, make(chan *websocket.PreparedMessage, 256)}
	go one.write()
	lock.Lock()
	clients[one] = true
	lock.Unlock()
	for {
		kind, text, err := conn.ReadMessage()
		if err != nil {
			break
		}
		message, err := websocket.NewPreparedMessage(kind, text)
		if err != nil {
			break
		}
		broadcast(one, message)
	}
	lock.Lock()
	delete(clients, one)
	lock.Unlock()
	close(one.out)
}

func main() {
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/chat", chat)
	address := "127.0.0.1:" + os.Getenv("PORT")
	if cert := os.Getenv("CERT"); cert != "" {
		log.Fatal(http.ListenAndServeTLS(address, cert, os.Getenv("KEY"), nil))
	}
	log.Fatal(http.ListenAndServe(address, nil))
}
