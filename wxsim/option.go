package wxsim

import "slices"

// options are the options of an account and their values.
var optionValues = map[string][]string{
	"location_report": {"0", "1", "2"}, "voice_recognize": {"0", "1"}, "customer_service": {"0", "1"},
}

// optionOwner finds the account an option call is about. The sources differ on whose token it carries: Quirks decides,
// and the other kind is refused.
func (c *call) optionOwner() (*app, int) {
	b := c.by
	if !c.set.Quirks.OptionByComponent {
		if b.app == nil {
			return nil, 61015
		}
		return b.app, 0
	}
	if b.app != nil {
		return nil, 61014
	}
	if code := c.platform(); code != 0 {
		return nil, code
	}
	return c.authorizer()
}

// option reads what both calls share: the account and the name of the option.
func (c *call) option() (a *app, name string, code int) {
	a, code = c.optionOwner()
	if code != 0 {
		return nil, "", code
	}
	name, ok := c.f.text("option_name")
	switch {
	case !ok:
		return nil, "", 47001
	case optionValues[name] == nil:
		return nil, "", 61012
	}
	return a, name, 0
}

// getOption plays get_authorizer_option: everything is off at first.
func (c *call) getOption() reply {
	a, name, code := c.option()
	if code != 0 {
		return failure(code)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.authorized {
		return failure(61003)
	}
	value := a.options[name]
	if value == "" {
		value = "0"
	}
	return token(payload{"authorizer_appid": a.id, "option_name": name, "option_value": value})
}

// setOption plays set_authorizer_option.
func (c *call) setOption() reply {
	a, name, code := c.option()
	if code != 0 {
		return failure(code)
	}
	value, ok := c.f.text("option_value")
	switch {
	case !ok:
		return failure(47001)
	case !slices.Contains(optionValues[name], value):
		return failure(61013)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.authorized {
		return failure(61003)
	}
	if a.options == nil {
		a.options = map[string]string{}
	}
	a.options[name] = value
	return success(nil)
}
