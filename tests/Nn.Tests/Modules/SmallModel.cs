using Edifice.Engine;
using Edifice.Nn;

namespace Edifice.Tests.Nn;

/// <summary>Two pre-norm residual layers with dropout: every kind of member a model has.</summary>
internal sealed class SmallModel : Module
{
    private readonly Embedding _embed;
    private readonly ModuleList<Layer> _layers;
    private readonly Norm _finalNorm;
    private readonly Linear _head;

    public SmallModel(ulong seed, DType dtype = DType.Float32, double dropout = 0.1, int width = 8)
    {
        var options = new ParameterOptions { DType = dtype, Generator = new Generator(seed) };
        _embed = Register("embed", new Embedding(Classes, width, options: options));
        _layers = Register("layers", new ModuleList<Layer>([new Layer("mlp", width, dropout, options), new Layer("gated", width, dropout, options)]));
        _finalNorm = Register("final_norm", new RmsNorm(width, options: options));
        _head = Register("head", new Linear(width, Classes, init: LinearInit.Xavier, options: options));
        Scale = RegisterBuffer("scale", Tensor.Full([1], 0.5, dtype));
        Calls = RegisterBuffer("calls", Tensor.Scalar(0, DType.Int64), persistent: false);
    }

    public const int Classes = 5;

    public StateBuffer Scale { get; }

    public StateBuffer Calls { get; }

    public Tensor Forward(Tensor index)
    {
        var x = _embed.Forward(index) * Scale;
        foreach (var layer in _layers) x = layer.Forward(x);
        return _head.Forward(_finalNorm.Forward(x));
    }

    /// <summary>A loss on data that depend on the step alone.</summary>
    public Tensor Loss(int step)
    {
        var stream = new Generator((ulong)step + 1000);
        var index = (Tensor.Rand([4, 3], DType.Float64, generator: stream) * Classes).To(DType.Int64);
        var target = (Tensor.Rand([4, 3], DType.Float64, generator: stream) * Classes).To(DType.Int64);
        return Forward(index).CrossEntropy(target);
    }

    private sealed class Layer : Module
    {
        private readonly Norm _norm;
        private readonly FeedForward _ffn;
        private readonly CausalConv1d _conv;
        private readonly Dropout _dropout;

        public Layer(string kind, int width, double dropout, ParameterOptions options)
        {
            _norm = Register("norm", Norm.Create("layer", width, options: options));
            _conv = Register("conv", new CausalConv1d(width, 3, options: options));
            _ffn = Register("ffn", FeedForward.Create(kind, width, 2 * width, LinearInit.Xavier, options));
            _dropout = Register("dropout", new Dropout(dropout));
        }

        public Tensor Forward(Tensor x) => x + _dropout.Forward(_ffn.Forward(_conv.Forward(_norm.Forward(x))));
    }
}
