using Edifice.Engine;

namespace Edifice.Nn;

/// <summary>How many inputs an output of a weight depends on, and how many outputs an input reaches.</summary>
public readonly record struct Fans(long In, long Out)
{
    /// <summary>Of a weight [out, in, …]: trailing axes (a kernel's taps) count for both; of a depthwise kernel [C, K]
    /// the inputs are the K taps. A vector or scalar counts as [1, n].</summary>
    public static Fans Of(Shape shape)
    {
        if (shape.Rank < 2) return new Fans(shape.Count, 1);
        var taps = 1L;
        for (var i = 2; i < shape.Rank; i++) taps *= shape[i];
        return new Fans(shape[1] * taps, shape[0] * taps);
    }
}

/// <summary>A rule for the first values of a parameter. Values depend on the options' random stream alone.</summary>
/// <remarks>Numbers are drawn by the counters of <see cref="Philox"/>, so that they agree on every device; the ones of
/// Float32 are those of Float64 up to rounding.</remarks>
public sealed class Initializer
{
    private readonly Func<Shape, Fans, ParameterOptions, Tensor> _make;

    private Initializer(Func<Shape, Fans, ParameterOptions, Tensor> make) => _make = make;

    /// <summary>0.</summary>
    public static Initializer Zeros { get; } = Constant(0);

    /// <summary>1.</summary>
    public static Initializer Ones { get; } = Constant(1);

    /// <summary>Uniform in ±1/√fan_in: for weights and, with the weight's fans, for biases.</summary>
    public static Initializer FanInUniform { get; } = UniformByFans(static f => 1 / Math.Sqrt(f.In));

    /// <summary>One value everywhere.</summary>
    public static Initializer Constant(double value) =>
        new((shape, _, o) => Tensor.Full(shape, value, o.DType, o.Device));

    /// <summary>Uniform on [low, high).</summary>
    public static Initializer Uniform(double low, double high) =>
        new((shape, _, o) => Tensor.Rand(shape, o.DType, low, high, o.Generator, o.Device));

    /// <summary>Normal.</summary>
    public static Initializer Normal(double std, double mean = 0) => NormalByFans(_ => std, mean);

    /// <summary>Normal, conditioned on at most <paramref name="cut"/> of its standard deviations from the mean.</summary>
    /// <param name="std">The standard deviation before cutting.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="cut">Where it is cut, in standard deviations.</param>
    public static Initializer TruncatedNormal(double std, double mean = 0, double cut = 2) =>
        new((shape, _, o) => Truncated(shape, std, mean, cut, o));

    /// <summary>Xavier uniform, ±gain √(6/(fan_in + fan_out)) (Glorot and Bengio 2010, equation 16).</summary>
    public static Initializer XavierUniform(double gain = 1) => UniformByFans(f => gain * Math.Sqrt(6.0 / (f.In + f.Out)));

    /// <summary>Xavier normal, standard deviation gain √(2/(fan_in + fan_out)).</summary>
    public static Initializer XavierNormal(double gain = 1) => NormalByFans(f => gain * Math.Sqrt(2.0 / (f.In + f.Out)));

    /// <summary>Kaiming uniform, ±gain √(3/fan_in); a gain of √2 is the one for ReLU (He et al. 2015, equation 10).</summary>
    public static Initializer KaimingUniform(double gain = 1.4142135623730951) => UniformByFans(f => gain * Math.Sqrt(3.0 / f.In));

    /// <summary>Kaiming normal, standard deviation gain / √fan_in.</summary>
    public static Initializer KaimingNormal(double gain = 1.4142135623730951) => NormalByFans(f => gain / Math.Sqrt(f.In));

    /// <summary>A normal cut at two standard deviations, with variance scale / fan_in after the cut (LeCun et al. 1998; the
    /// standard deviation before it is larger by 1/0.87962566).</summary>
    public static Initializer FanInTruncatedNormal(double scale = 1)
    {
        const double stdAfterCut = 0.87962566103423978;
        return new((shape, fans, o) => Truncated(shape, Math.Sqrt(scale / fans.In) / stdAfterCut, 0, 2, o));
    }

    /// <summary>A random matrix with orthonormal rows or, when there are more rows than columns, columns, times
    /// <paramref name="gain"/>; evenly distributed (Saxe et al. 2014; Mezzadri 2007). Axes after the first count as
    /// columns.</summary>
    public static Initializer Orthogonal(double gain = 1) => new((shape, _, o) =>
    {
        if (shape.Rank < 2) throw new TensorException($"orthogonal: needs at least two axes, got {shape}");
        var rows = shape[0];
        var columns = rows == 0 ? 0 : checked((int)(shape.Count / rows));
        var values = OrthonormalMatrix.Draw(rows, columns, o.Generator ?? Generator.Current);
        foreach (ref var v in values.AsSpan()) v *= gain;
        return Placed(Tensor.FromArray(values, shape), o);
    });

    /// <summary>Values of one's own: a function of the shape, given in double and row-major order.</summary>
    public static Initializer FromValues(Func<Shape, double[]> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return new((shape, _, o) => Placed(Tensor.FromArray(values(shape), shape), o));
    }

    /// <summary>Makes a tensor.</summary>
    /// <param name="shape">Its shape.</param>
    /// <param name="options">Dtype, device and random stream; null: the default ones.</param>
    /// <param name="fans">Those of the weight the tensor belongs to; null: of the shape itself.</param>
    public Tensor Create(Shape shape, ParameterOptions? options = null, Fans? fans = null)
    {
        using var off = Tensor.NoGrad();
        options ??= ParameterOptions.Default;
        return options.SkipInit ? options.Zeros(shape) : _make(shape, fans ?? Fans.Of(shape), options);
    }

    /// <summary>Draws new values for a parameter, in place.</summary>
    public void Apply(StateTensor parameter, Generator? generator = null, Fans? fans = null)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        using var scope = Tensor.Scope();
        parameter.Set(Create(parameter.Shape, new ParameterOptions { DType = parameter.DType, Device = parameter.Device, Generator = generator }, fans));
    }

    private static Initializer UniformByFans(Func<Fans, double> bound) => new((shape, fans, o) =>
    {
        // A weight without inputs has no elements to draw.
        var b = shape.Count == 0 ? 0 : bound(fans);
        return Tensor.Rand(shape, o.DType, -b, b, o.Generator, o.Device);
    });

    private static Initializer NormalByFans(Func<Fans, double> std, double mean = 0) => new((shape, fans, o) =>
        Tensor.Randn(shape, o.DType, mean, shape.Count == 0 ? 1 : std(fans), o.Generator, o.Device));

    private static Tensor Truncated(Shape shape, double std, double mean, double cut, ParameterOptions o) =>
        shape.Count == 0
            ? o.Zeros(shape)
            : Tensor.TruncatedNormal(shape, mean, std, mean - cut * std, mean + cut * std, o.DType, o.Generator, o.Device);

    private static Tensor Placed(Tensor values, ParameterOptions o) => values.To(o.DType).To(o.Device ?? Device.Cpu);
}
