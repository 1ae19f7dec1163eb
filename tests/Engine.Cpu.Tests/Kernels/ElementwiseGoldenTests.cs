using System.Text.Json;
using Edifice.Engine.Backends;
using Edifice.Engine.Serialization;

namespace Edifice.Engine.Cpu.Tests.Kernels;

/// <summary>The golden files of special values, element by element: infinities, NaN, subnormals, the largest number.</summary>
public sealed class ElementwiseGoldenTests
{
    private static readonly IBackend s_cpu = CpuBackend.Instance;

    private static readonly Dictionary<string, UnaryKernel> s_unary = new()
    {
        ["exp"] = UnaryKernel.Exp, ["log"] = UnaryKernel.Log, ["log1p"] = UnaryKernel.Log1p, ["expm1"] = UnaryKernel.Expm1,
        ["sqrt"] = UnaryKernel.Sqrt, ["rsqrt"] = UnaryKernel.Rsqrt, ["sin"] = UnaryKernel.Sin, ["cos"] = UnaryKernel.Cos,
        ["tanh"] = UnaryKernel.Tanh, ["sigmoid"] = UnaryKernel.Sigmoid, ["erf"] = UnaryKernel.Erf, ["relu"] = UnaryKernel.Relu,
        ["gelu_tanh"] = UnaryKernel.GeluTanh, ["softplus"] = UnaryKernel.Softplus, ["elu"] = UnaryKernel.Elu,
        ["logsigmoid"] = UnaryKernel.LogSigmoid, ["abs"] = UnaryKernel.Abs, ["sign"] = UnaryKernel.Sign,
        ["reciprocal"] = UnaryKernel.Reciprocal, ["square"] = UnaryKernel.Square, ["clamp"] = UnaryKernel.Clamp,
    };

    private static readonly Dictionary<string, BinaryKernel> s_binary = new()
    {
        ["add"] = BinaryKernel.Add, ["sub"] = BinaryKernel.Subtract, ["mul"] = BinaryKernel.Multiply, ["div"] = BinaryKernel.Divide,
        ["minimum"] = BinaryKernel.Minimum, ["maximum"] = BinaryKernel.Maximum, ["pow"] = BinaryKernel.Power,
    };

    public static TheoryData<string, DType> Files()
    {
        var data = new TheoryData<string, DType>();
        foreach (var op in s_unary.Keys.Concat(s_binary.Keys))
        {
            foreach (var name in RepositoryFiles.GoldenNames($"op-{op}-special"))
            {
                using var file = SafetensorsFile.Open(RepositoryFiles.Golden(name));
                var fixedType = file.Metadata.GetValueOrDefault("dtype");
                if (fixedType != "f32") data.Add(name, DType.Float64);
                if (fixedType != "f64") data.Add(name, DType.Float32);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Special_values_agree_element_by_element(string name, DType dtype)
    {
        using var file = SafetensorsFile.Open(RepositoryFiles.Golden(name));
        using var options = JsonDocument.Parse(file.Metadata["options"]);
        using var wanted = file.Read("out.out", DType.Float64);
        using var y = Tensor.Allocate(wanted.Shape, dtype, Device.Cpu);
        var op = file.Metadata["op"];
        if (s_binary.TryGetValue(op, out var binary))
        {
            using Tensor a = file.Read(op == "pow" ? "in.x" : "in.a", dtype), b = file.Read(op == "pow" ? "in.exponent" : "in.b", dtype);
            s_cpu.Zip(binary, a.ExpandTo(wanted.Shape), b.ExpandTo(wanted.Shape), y);
        }
        else
        {
            using var x = file.Read("in.x", dtype);
            s_cpu.Map(s_unary[op], x, y,
                op == "clamp" ? Number("min", double.NegativeInfinity) : Number("alpha", 1), Number("max", double.PositiveInfinity));
        }

        var relative = dtype == DType.Float64 ? 1e-12 : op == "gelu_tanh" ? 1e-4 : 1e-5;
        var floor = dtype == DType.Float64 ? 2.3e-308 : 1.2e-38;
        double[] got = Elements.AsDouble(y), want = Elements.Of<double>(wanted);
        for (var i = 0; i < got.Length; i++)
        {
            var target = dtype == DType.Float32 ? (double)(float)want[i] : want[i];
            Assert.True(
                got[i] == target || (double.IsNaN(got[i]) && double.IsNaN(target)) || Math.Abs(got[i] - target) <= relative * Math.Abs(target) + floor,
                $"{name} at {i}: {got[i]:R}, wanted {target:R}");
        }

        double Number(string option, double otherwise) =>
            options.RootElement.TryGetProperty(option, out var value) && value.ValueKind == JsonValueKind.Number ? value.GetDouble() : otherwise;
    }
}
