using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Tests.Simd;

/// <summary>A function of lanes by type, so that a test can be written over all of them.</summary>
internal interface IFunction
{
    static abstract V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged;
}

/// <summary>Every function of <see cref="LaneMath"/> with its name, its independent value in double and its error bounds.</summary>
internal sealed unsafe class Function
{
    private readonly delegate*<float*, float*, int, int, void> _single;
    private readonly delegate*<double*, double*, int, int, void> _double;

    private Function(string name, Func<double, double> reference, double singleUlps, double doubleUlps,
        delegate*<float*, float*, int, int, void> single, delegate*<double*, double*, int, int, void> @double)
    {
        (Name, Reference, SingleUlps, DoubleUlps) = (name, reference, singleUlps, doubleUlps);
        _single = single;
        _double = @double;
    }

    public string Name { get; }

    /// <summary>The value in double, good to far more than a float's digits.</summary>
    public Func<double, double> Reference { get; }

    public double SingleUlps { get; }

    public double DoubleUlps { get; }

    public static IReadOnlyList<Function> All { get; } =
    [
        Of<Exp>("exp", Math.Exp, 1, 1),
        Of<Expm1>("expm1", Scalar.Expm1, 2, 2),
        Of<Log>("log", Math.Log, 1, 1),
        Of<Log1p>("log1p", Scalar.Log1p, 2, 2),
        Of<Tanh>("tanh", Scalar.Tanh, 3, 3),
        Of<Sigmoid>("sigmoid", Scalar.Sigmoid, 3, 3),
        Of<Silu>("silu", Scalar.Silu, 3, 3),
        Of<Softplus>("softplus", Scalar.Softplus, 3, 3),
        Of<LogSigmoid>("logsigmoid", x => -Scalar.Softplus(-x), 3, 3),
        Of<Erf>("erf", Scalar.Erf, 2, 2),
        Of<Gelu>("gelu", Scalar.Gelu, 5, 5),
        Of<GeluTanh>("gelu_tanh", Scalar.GeluTanh, 250, 250), // |v| ulp, |v| up to 104 where a float result vanishes
        Of<Sin>("sin", Math.Sin, 1, 1),
        Of<Cos>("cos", Math.Cos, 1, 1),
    ];

    public void Run(float* x, float* y, int n, int width) => _single(x, y, n, width);

    public void Run(double* x, double* y, int n, int width) => _double(x, y, n, width);

    public override string ToString() => Name;

    private static Function Of<F>(string name, Func<double, double> reference, double singleUlps, double doubleUlps) where F : IFunction =>
        new(name, reference, singleUlps, doubleUlps, &Loop<F, float>, &Loop<F, double>);

    private static void Loop<F, T>(T* x, T* y, int n, int width) where F : IFunction where T : unmanaged
    {
        if (width == 512) Loop<F, Lanes512<T>, T>(x, y, n);
        else if (width == 256) Loop<F, Lanes256<T>, T>(x, y, n);
        else Loop<F, Lanes128<T>, T>(x, y, n);
    }

    private static void Loop<F, V, T>(T* x, T* y, int n) where F : IFunction where V : unmanaged, ILanes<V, T> where T : unmanaged
    {
        for (var i = 0; i < n; i += V.Count) V.Store(F.Invoke<V, T>(V.Load(x + i)), y + i);
    }

    private readonly struct Exp : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Exp<V, T>(x); }

    private readonly struct Expm1 : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Expm1<V, T>(x); }

    private readonly struct Log : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Log<V, T>(x); }

    private readonly struct Log1p : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Log1p<V, T>(x); }

    private readonly struct Tanh : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Tanh<V, T>(x); }

    private readonly struct Sigmoid : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Sigmoid<V, T>(x); }

    private readonly struct Silu : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Silu<V, T>(x); }

    private readonly struct Softplus : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Softplus<V, T>(x); }

    private readonly struct LogSigmoid : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.LogSigmoid<V, T>(x); }

    private readonly struct Erf : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Erf<V, T>(x); }


    private readonly struct Gelu : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Gelu<V, T>(x); }

    private readonly struct GeluTanh : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.GeluTanh<V, T>(x); }

    private readonly struct Sin : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Sin<V, T>(x); }

    private readonly struct Cos : IFunction { public static V Invoke<V, T>(V x) where V : unmanaged, ILanes<V, T> where T : unmanaged => LaneMath.Cos<V, T>(x); }
}
