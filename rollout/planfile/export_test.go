package planfile

var (
	CheckConfigure = checkConfigure
	WaveOf         = waveOf
)
