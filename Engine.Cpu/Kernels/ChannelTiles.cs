namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Tiles of one batch row and some neighbouring channels.</summary>
/// <param name="batch">Batch rows.</param>
/// <param name="width">Channels.</param>
/// <param name="most">Channels in a tile.</param>
internal readonly struct ChannelTiles(int batch, int width, int most)
{
    private readonly int _batch = batch, _width = width, _most = most, _perRow = (width + most - 1) / most;

    /// <summary>The number of tiles.</summary>
    public long Count => (long)_batch * _perRow;

    /// <summary>Batch row, first channel and number of channels of a tile.</summary>
    public (int Row, int First, int Channels) this[long tile]
    {
        get
        {
            var first = (int)(tile % _perRow) * _most;
            return ((int)(tile / _perRow), first, Math.Min(_most, _width - first));
        }
    }

    /// <summary>What a thread needs, roughly, to stream a tile's channels of one step past a few operations.</summary>
    public double NanosecondsPerStep(int bytesPerChannel) => 0.015 * Math.Min(_most, _width) * bytesPerChannel;
}
