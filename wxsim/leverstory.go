package wxsim

import (
	"errors"
	"fmt"
	"time"
)

func leverUpdateAuthorization(s *Sim, p *pull) (any, error) {
	in := struct {
		AppID string `json:"appid"`
		Set18 *bool  `json:"set18"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	switch {
	case s.apps.find(in.AppID) == nil:
		return nil, fmt.Errorf("appid %q: %w", in.AppID, errNoApp)
	case in.Set18 == nil:
		return nil, errors.New("set18: want true or false")
	}
	return map[string]string{"authorization_code": s.UpdateAuthorization(in.AppID, *in.Set18)}, nil
}

func leverVisit(s *Sim, p *pull) (any, error) {
	in := struct {
		AppID string `json:"appid"`
		URL   string `json:"url"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	redirect, err := s.Visit(in.URL, in.AppID)
	if err != nil {
		return nil, err
	}
	return map[string]string{"redirect": redirect}, nil
}

func leverRegister(s *Sim, p *pull) (any, error) {
	in := struct {
		ID     string `json:"id"`
		Status int    `json:"status"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	appid, err := s.FinishRegistration(in.ID, in.Status)
	if err != nil {
		return nil, err
	}
	return map[string]string{"appid": appid}, nil
}

func leverPlaceFile(s *Sim, p *pull) (any, error) {
	in := struct {
		AppID string `json:"appid"`
		Host  string `json:"host"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	switch {
	case in.AppID != "" && s.apps.find(in.AppID) == nil:
		return nil, fmt.Errorf("appid %q: %w", in.AppID, errNoApp)
	case bareHost(in.Host) == "":
		return nil, fmt.Errorf("host %q: want a form like shop.example.com", in.Host)
	}
	s.PlaceFile(in.AppID, in.Host)
	return done, nil
}

func leverInterface(s *Sim, p *pull) (any, error) {
	in := struct {
		AppID  string `json:"appid"`
		API    string `json:"api"`
		Reason string `json:"reason"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	if !s.DecideInterface(in.AppID, in.API, in.Reason) {
		return nil, fmt.Errorf("app %q has no application for %q that waits", in.AppID, in.API)
	}
	return done, nil
}

func leverTicketEvery(s *Sim, p *pull) (any, error) {
	in := struct {
		Every *Duration `json:"every"`
	}{}
	if err := p.into(&in); err != nil {
		return nil, err
	}
	if in.Every == nil || *in.Every < 0 {
		return nil, errors.New("every: want a duration such as 10m, or 0s")
	}
	s.SetTicketEvery(time.Duration(*in.Every))
	return done, nil
}
