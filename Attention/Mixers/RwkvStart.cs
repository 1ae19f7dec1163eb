using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Attention;

/// <summary>The published initialisation of RWKV-7, by layer and channel.</summary>
internal sealed class RwkvStart(RwkvOptions options, int index, ParameterOptions? parameters)
{
    private readonly int _width = options.HiddenSize, _head = options.HeadSize;

    /// <summary>ρ: 0 in the first layer, 1 in the last.</summary>
    public double Ratio { get; } = options.NumLayers == 1 ? 0 : (double)index / (options.NumLayers - 1);

    /// <summary>τ: 1 in the first layer, falling by 1/N.</summary>
    public double Depth { get; } = 1 - (double)index / options.NumLayers;

    /// <summary>n / (H - 1).</summary>
    public double Along(int n) => _width == 1 ? 0 : n / (_width - 1.0);

    /// <summary>n / (H - 1) - 1/2.</summary>
    public double Linear(int n) => Along(n) - 0.5;

    /// <summary>s |s| with s from -1 to 1 within each head.</summary>
    public double Zigzag(int n)
    {
        if (_head == 1) return 0;
        var half = (_head - 1) / 2.0;
        var s = (n % _head - half) / half;
        return s * Math.Abs(s);
    }

    public Tensor Vector(Func<int, double> value) =>
        Initializer.FromValues(_ => [.. Enumerable.Range(0, _width).Select(value)]).Create([_width], parameters);

    /// <summary>Orthogonal with gain 0.1 max(1, √(rows/columns)).</summary>
    public Tensor LowRank(int rows, int columns) =>
        Initializer.Orthogonal(0.1 * Math.Max(1, Math.Sqrt((double)rows / columns))).Create([rows, columns], parameters);
}
