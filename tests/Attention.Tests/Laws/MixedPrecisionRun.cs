using Edifice.Engine;
using Edifice.Engine.Autograd;
using Edifice.Engine.Ops;
using Edifice.Nn;
using Registry = Edifice.Attention.Blocks;

namespace Edifice.Attention.Tests.Laws;

/// <summary>A small block in float32, trained towards fixed states with products in one type or another.</summary>
internal sealed class MixedPrecisionRun
{
    private readonly SequenceBlock _model;
    private readonly Tensor _x, _target;
    private readonly DType _products;

    public static TheoryData<string> Blocks => [.. Registry.All.Select(b => b.Name)];

    public MixedPrecisionRun(string block, Device device, DType products)
    {
        const int Batch = 2, Length = 9;
        _products = products;
        var info = Registry.Find(block);
        var options = OptionBag.Empty;
        // Wide enough that no norm is one of two or three numbers, which magnifies any rounding.
        var layers = block == "griffin" ? "3" : "2";
        foreach (var (name, value) in new[] { ("embed_dim", "32"), ("hidden_size", "32"), ("num_layers", layers), ("head_size", "16"), ("dropout", "0") })
            if (info.Options.Rows.Any(o => o.Name == name)) options = options.With(name, value);
        Generator.Seeded(1);
        _model = info.Build(options, default);
        _model.Eval();
        _model.To(device);
        _x = Tensor.Randn([Batch, Length, _model.EmbedDim], generator: new Generator(2)).To(device).RequiresGrad();
        using var off = Tensor.NoGrad();
        _target = Tensor.Randn(_model.ForwardSequence(_x).Shape, generator: new Generator(3)).To(device);
    }

    /// <summary>The gradients of the parameters and of the input, one after the other.</summary>
    public double[] Gradient()
    {
        _model.ZeroGrad();
        _x.Grad = null;
        Loss().Backward();
        var all = new List<double>();
        foreach (var g in _model.NamedParameters().Select(p => p.Parameter.Grad).Append(_x.Grad))
        {
            if (g is null) continue;
            Assert.Equal(DType.Float32, g.DType);
            all.AddRange(g.To(Device.Cpu).To(DType.Float64).ToArray<double>());
        }

        return [.. all];
    }

    /// <summary>The losses before each of some steps of an optimizer, and after the last.</summary>
    public double[] Train(int steps)
    {
        // A rule that divides by the gradient's size makes a whole step of a rounding.
        var optimizer = new Optimizer(_model, new Sgd { LearningRate = 0.05, Momentum = 0.9 });
        var losses = new double[steps + 1];
        for (var step = 0; step <= steps; step++)
        {
            optimizer.ZeroGrad();
            using var loss = Loss();
            losses[step] = loss.Item();
            if (step == steps) break;
            loss.Backward();
            optimizer.StepClipped(1);
        }

        Assert.All(_model.NamedParameters(), p => Assert.Equal(DType.Float32, p.Parameter.DType));
        return losses;
    }

    /// <summary>|a - b| / |a| in the Euclidean norm.</summary>
    public static double Distance(double[] a, double[] b)
    {
        Assert.Equal(a.Length, b.Length);
        return Math.Sqrt(a.Zip(b, (u, v) => (u - v) * (u - v)).Sum() / a.Sum(u => u * u));
    }

    private Tensor Loss()
    {
        using var region = MixedPrecision.Products(_products);
        return (_model.ForwardSequence(_x) - _target).Square().Mean();
    }
}
