// Package teav1 stands in for tuist's adapter of bubbletea models (the CLI's forms): it draws nothing.
package teav1

import (
	tea "github.com/charmbracelet/bubbletea"
	"github.com/vito/tuist"
)

type Wrap struct {
	tuist.Compo
	model tea.Model
}

func New(model tea.Model) *Wrap          { return &Wrap{model: model} }
func (w *Wrap) OnQuit(func())            {}
func (w *Wrap) Render(ctx tuist.Context) { ctx.Line(w.model.View()) }
