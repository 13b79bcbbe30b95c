// Gets a pre-auth code from your backend and opens WeChat's authorization page inside this mini program.
const provider = requirePlugin('provider')

// Your backend runs `enqueue apps authorize-link` for the logged-in merchant and answers with
// {platform, code, app}: component_appid and pre_auth_code of the link, and the merchant's appid if known.
const backend = 'https://your.host/join'

function ask(path) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: backend + path,
      method: 'POST',
      success: ({statusCode, data}) => (statusCode === 200 ? resolve(data) : reject(new Error('the server answered ' + statusCode))),
      fail: ({errMsg}) => reject(new Error(errMsg)),
    })
  })
}

Page({
  data: {asking: false, done: false, problem: ''},

  onLoad() {
    provider.init(wx)
  },

  // The merchant returns here from WeChat's page, whether they agreed or not. Only the platform knows:
  // its worker receives the callback `authorized`.
  async onShow() {
    if (!this.left) return
    this.left = false
    try {
      const {authorized} = await ask('/state')
      this.setData({done: authorized, problem: authorized ? '' : 'Not authorized yet. You can try again.'})
    } catch (e) {
      this.setData({problem: e.message})
    }
  },

  async join() {
    this.setData({asking: true, problem: ''})
    try {
      const {platform, code, app} = await ask('/code')
      this.left = true
      provider.openAuthorizeAccount({
        platformAppID: platform,
        preAuthCode: code,
        authType: 2, // mini programs only
        ...(app ? {bizAppid: app} : {}),
      })
    } catch (e) {
      this.left = false
      this.setData({problem: e.message})
    }
    this.setData({asking: false})
  },
})
