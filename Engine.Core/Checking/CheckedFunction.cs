using Edifice.Engine.Autograd;

namespace Edifice.Engine.Checking;

/// <summary>A function of float64 tensors as a gradient check sees it: once for its values alone, once on the tape.</summary>
/// <param name="Name">In reports.</param>
/// <param name="Order">1, or 2 when this is itself the gradient of a function.</param>
/// <param name="Values">The values, for differences: the fastest way to them.</param>
/// <param name="Recorded">The same values as functions of the (watched) inputs on the tape.</param>
/// <param name="OutputName">What to call a result.</param>
internal sealed record CheckedFunction(
    string Name, int Order, Func<Tensor[], Tensor[]> Values, Func<Tensor[], Tensor[]> Recorded, Func<int, string> OutputName)
{
    /// <summary>A function given by the user; results that are not floating point are left out.</summary>
    public static CheckedFunction Of(string name, Func<Tensor[], Tensor[]> f)
    {
        Tensor[] Floats(Tensor[] x) => [.. f(x).Where(y => y.DType.IsFloating())];
        Tensor[] Plain(Tensor[] x)
        {
            using var off = GradMode.Off();
            return Floats(x);
        }

        return new CheckedFunction(name, 1, Plain, Floats, k => $"result {k}");
    }

    /// <summary>The gradient as a function of the inputs and the cotangents.</summary>
    /// <remarks>Its values come from an ordinary backward pass (the fused kernels), its recorded form from one with a graph (the
    /// composed forms): differences of the one against the derivative of the other hold the two together.</remarks>
    /// <param name="inputs">How many of the arguments are inputs of this function; cotangents follow.</param>
    /// <param name="watched">Which results have cotangents.</param>
    /// <param name="inputNames">The inputs' names.</param>
    public CheckedFunction Gradient(int inputs, bool[] watched, Func<int, string> inputNames)
    {
        Tensor[] Pull(Tensor[] arguments, bool graph)
        {
            using var on = GradMode.On();
            var x = arguments[..inputs];
            if (!graph) x = [.. x.Select(t => t.Detach().RequiresGrad())];
            var y = Recorded(x).Where((_, k) => watched[k]).ToArray();
            var g = Gradients.Of(y, x, [.. arguments[inputs..]], createGraph: graph, allowUnused: true);
            return [.. g.Select((t, i) => t ?? x[i].ZerosLike())];
        }

        return new CheckedFunction(
            $"gradient of {Name}", Order + 1, a => Pull(a, graph: false), a => Pull(a, graph: true), i => $"gradient of {inputNames(i)}");
    }
}
