package wxsim

// maxListCount is the most api_get_authorizer_list returns per call.
const maxListCount = 500

// authorizerList plays api_get_authorizer_list, in the order of the apps' indices.
func (c *call) authorizerList() reply {
	if code := c.platform(); code != 0 {
		return failure(code)
	}
	offset, ok := c.f.number("offset", false)
	count, ok2 := c.f.number("count", false)
	switch {
	case !ok || !ok2:
		return failure(47001)
	case count > maxListCount:
		return failure(40170)
	case offset < 0 || count <= 0:
		return failure(40097)
	}
	list, total := []payload{}, int64(0)
	for _, a := range c.sim.apps.all() {
		a.mu.Lock()
		if a.authorized {
			if total >= offset && int64(len(list)) < count {
				list = append(list, payload{"authorizer_appid": a.id, "refresh_token": a.refresh, "auth_time": a.authTime.Unix()})
			}
			total++
		}
		a.mu.Unlock()
	}
	return token(payload{"total_count": total, "list": list})
}

// authorizerInfo plays api_get_authorizer_info.
func (c *call) authorizerInfo() reply {
	if code := c.platform(); code != 0 {
		return failure(code)
	}
	a, code := c.authorizer()
	if code != 0 {
		return failure(code)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.authorized {
		return failure(61003)
	}
	id := func(n int) payload { return payload{"id": n} }
	service, principal := a.service, a.principal
	if a.miniGame {
		service = serviceMiniGame
	}
	if principal == "" {
		principal = "Shop company " + a.nick
	}
	info := payload{
		"nick_name": a.nick, "head_img": "http://wx.qlogo.cn/mmopen/" + a.user + "/0", "user_name": a.user, "alias": "",
		"service_type_info": id(service), "verify_type_info": id(0), "principal_name": principal,
		"qrcode_url": "http://mmbiz.qpic.cn/mmbiz/" + a.user + "/0", "signature": "A shop.", "idc": 1,
		"register_type": a.register, "account_status": a.status,
		"business_info": payload{"open_store": 0, "open_scan": 0, "open_pay": 0, "open_card": 0, "open_shake": 0},
		"basic_config":  payload{"is_phone_configured": true, "is_email_configured": true},
	}
	if a.miniProgram {
		categories := []payload{}
		if a.hasCategory {
			categories = append(categories, payload{"first": a.category.FirstClass, "second": a.category.SecondClass})
		}
		d := a.domains.live
		info["MiniProgramInfo"] = payload{
			"network": payload{
				"RequestDomain": some(d["requestdomain"]), "WsRequestDomain": some(d["wsrequestdomain"]),
				"UploadDomain": some(d["uploaddomain"]), "DownloadDomain": some(d["downloaddomain"]),
				"UDPDomain": some(d["udpdomain"]), "TCPDomain": some(d["tcpdomain"]), "BizDomain": some(d[webviewKind]),
			},
			"categories": categories, "visit_status": 0,
		}
	}
	return token(payload{"authorizer_info": info, "authorization_info": a.authorizationInfo()})
}

// authorizationInfo is what a locked app granted.
func (a *app) authorizationInfo() payload {
	sets := []int{17, 18, 19, 25, 30, 31, 36, 37, 40}
	grants := make([]payload, 0, len(sets))
	for _, id := range sets {
		if id != 18 || a.set18 {
			grants = append(grants, payload{"funcscope_category": payload{"id": id}})
		}
	}
	return payload{"authorizer_appid": a.id, "authorizer_refresh_token": a.refresh, "func_info": grants}
}
